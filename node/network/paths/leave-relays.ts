import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { Clock } from '../../../base/clock.ts'
import type { Timer } from '../../../base/timers.ts'

export interface LeaveRelaysInit {
  libp2p: Pick<Libp2p, 'getConnections'>
  /** Whether gossip with that peer is worth a circuit; with anybody when absent. */
  needs?: ((peer: string) => boolean) | undefined
  clock: Pick<Clock, 'every' | 'monotonic'>
}

const LOOK_MS = 10_000
/** The only path to a peer is kept for so long without a stream: dialling it again takes some round trips. */
const KEPT_MS = 30_000

/**
 * Closes relayed connections that this side has dialled once nobody uses them: at once beside a direct one, else after a while, unless
 * gossip runs there that is needed. Pings would keep them for ever, and a relay has few circuits.
 */
export function leaveRelays({ libp2p, needs = () => true, clock }: LeaveRelaysInit): Timer {
  const idleSince = new WeakMap<Connection, number>()
  /** Whether it was without any stream that counts each time that somebody looked, for long enough. */
  function isForgotten(connection: Connection): boolean {
    const isSpare = !needs(connection.remotePeer.toString())
    const isUsed = connection.streams.some(one => !isPing(one) && !(isSpare && isGossip(one)))
    if (isUsed) idleSince.delete(connection)
    else if (!idleSince.has(connection)) idleSince.set(connection, clock.monotonic())
    const since = idleSince.get(connection)
    return since !== undefined && clock.monotonic() - since >= KEPT_MS
  }

  return clock.every(LOOK_MS, () => {
    const open = libp2p.getConnections().filter(({ status }) => status === 'open')
    const direct = new Set(open.filter(one => one.direct).map(({ remotePeer }) => remotePeer.toString()))
    for (const connection of open) {
      if (connection.direct || connection.direction !== 'outbound') continue
      const isSpare = direct.has(connection.remotePeer.toString()) && isIdle(connection)
      if (isSpare || isForgotten(connection)) leave(connection)
    }
  })
}

/** Gossip goes on over the direct one. */
const isGossip = ({ protocol }: Pick<Stream, 'protocol'>): boolean => /^\/(meshsub|floodsub)\//.test(protocol)
/** which asks whether the peer is there, for nobody */
const isPing = ({ protocol }: Pick<Stream, 'protocol'>): boolean => protocol.startsWith('/ipfs/ping/')
const isIdle = ({ streams }: Pick<Connection, 'streams'>): boolean => streams.every(isGossip)

function leave(connection: Connection): void {
  connection.close().catch(error => connection.abort(error))
}
