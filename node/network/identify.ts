import { type Identify, identify } from '@libp2p/identify'
import type { Clock } from '../../base/clock.ts'
import { IDENTIFY } from './limits.ts'

/** Whether the peer, by its PeerId as text, is one that the node works with: a member of a committee. */
export type KnowsPeer = (peer: string) => boolean

/** Clients of one command have gone by then; a peer that stays may be a node that is to join gossip and DHT. */
const STRANGER_DELAY_MS = 2_000

/**
 * libp2p asks everyone who connects who they are and what they speak, which gossip and DHT build on. One-command clients
 * speak nothing, and being asked would cost them, and every node, a quarter as much as the handshake. So of the
 * peers that come to us only members are asked at once, and others when they have stayed for a while.
 */
export function selectiveIdentify(
  isKnown: KnowsPeer,
  clock: Clock,
): (components: Parameters<ReturnType<typeof identify>>[0]) => Identify {
  return components => {
    const service = identify({ ...IDENTIFY, runOnConnectionOpen: false })(components)
    components.events.addEventListener('connection:open', ({ detail: connection }) => {
      const ask = () => {
        // a peer that cannot be asked takes no part in gossip and DHT
        if (connection.status === 'open') service.identify(connection).catch(() => undefined)
      }
      if (connection.direction === 'outbound' || isKnown(connection.remotePeer.toString())) ask()
      else clock.after(STRANGER_DELAY_MS, ask, { background: true })
    })
    return service
  }
}
