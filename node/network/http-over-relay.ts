import type { Socket } from 'node:net'
import type { Libp2p } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { HTTP } from '../../protocols/index.ts'
import type { RelayKeeper } from './circuit/keeper.ts'
import { streamSocket } from './stream-socket.ts'

/** What the remote address of a connection begins with that came over a relay; then its PeerId. */
export const OVER_RELAY = 'relay '

/** Takes HTTP from relays on which the node has a reservation, and from nobody else. Gives what ends it. */
export async function serveHttpOverRelays(
  libp2p: Pick<Libp2p, 'handle' | 'unhandle'>,
  keeper: Pick<RelayKeeper, 'holds'>,
  take: (socket: Socket) => void,
  clock: Clock,
): Promise<() => Promise<void>> {
  await libp2p.handle(
    HTTP.id,
    (stream, connection) => {
      if (keeper.holds(connection)) take(streamSocket(stream, `${OVER_RELAY}${connection.remotePeer}`, clock))
      else stream.abort(new Error('HTTP is taken from relays with a reservation only'))
    },
    { maxInboundStreams: HTTP.streams },
  )
  return async () => libp2p.unhandle(HTTP.id)
}
