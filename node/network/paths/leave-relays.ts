import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { Clock } from '../../../base/clock.ts'
import type { Timer } from '../../../base/timers.ts'

export interface LeaveRelaysInit {
  libp2p: Pick<Libp2p, 'getConnections'>
  clock: Pick<Clock, 'every'>
}

const LOOK_MS = 10_000

/**
 * Closes relayed connections that this side has dialled beside which there is a direct one, once nobody uses them: pings would keep
 * them for ever, and a relay has few circuits.
 */
export function leaveRelays({ libp2p, clock }: LeaveRelaysInit): Timer {
  return clock.every(LOOK_MS, () => {
    const open = libp2p.getConnections().filter(({ status }) => status === 'open')
    const direct = new Set(open.filter(one => one.direct).map(({ remotePeer }) => remotePeer.toString()))
    for (const connection of open) {
      if (connection.direct || connection.direction !== 'outbound') continue
      if (direct.has(connection.remotePeer.toString()) && isIdle(connection)) leave(connection)
    }
  })
}

/** Gossip goes on over the direct one. */
const isGossip = ({ protocol }: Pick<Stream, 'protocol'>): boolean => /^\/(meshsub|floodsub)\//.test(protocol)
const isIdle = ({ streams }: Pick<Connection, 'streams'>): boolean => streams.every(isGossip)

function leave(connection: Connection): void {
  connection.close().catch(error => connection.abort(error))
}
