import type { Socket } from 'node:net'
import type { Clock } from '../../../base/clock.ts'
import { networkOf } from '../../../base/ip.ts'
import type { Timer } from '../../../base/timers.ts'
import type { RefusalReason } from '../../refusals.ts'
import { Groups } from '../groups.ts'
import { CONNECTIONS, WEB_SOCKET } from '../limits.ts'

/** Sockets that are no WebSockets yet: who is slow, or has too many, makes way. */
export interface Handshakes {
  /** A connection has come. */
  begin(socket: Socket): void
  /** It is a WebSocket now, and for others to judge. With TLS it may be given by the socket above. */
  end(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void
}

interface Handshake {
  readonly socket: Socket
  readonly address: string
  readonly timer: Timer
}

/** Before libp2p knows of a connection, HTTP's request and TLS's handshake are awaited: for a while, and from each address a few at a time. */
export function createHandshakes(
  clock: Clock,
  refused: (reason: RefusalReason<'connections'>) => void,
  limits: { readonly pending: number; readonly pendingPerAddress: number } = WEB_SOCKET,
): Handshakes {
  const byPlace = new Map<string, Handshake>()
  const byAddress = new Groups<Handshake>()

  /** A port may be another socket's by the time that this one's end is told. */
  function leave(place: string, handshake = byPlace.get(place)): void {
    if (handshake === undefined) return
    if (byPlace.get(place) === handshake) byPlace.delete(place)
    byAddress.remove(handshake.address, handshake)
    handshake.timer.stop()
  }

  function push(handshakes: Iterable<Handshake>): void {
    for (const handshake of handshakes) {
      refused('pending')
      leave(placeOf(handshake.socket), handshake)
      handshake.socket.destroy()
      return
    }
  }

  return {
    begin(socket) {
      // reset at once: nobody is there any more
      if (socket.remoteAddress === undefined) return void socket.destroy()
      const address = networkOf(socket.remoteAddress)
      const place = placeOf(socket)
      if (byAddress.count(address) >= limits.pendingPerAddress) push(byAddress.of(address))
      if (byAddress.size >= limits.pending) push(byAddress.ofLargest())
      const timer = clock.after(CONNECTIONS.inboundUpgradeTimeout, () => {
        refused('handshake')
        socket.destroy()
      })
      const handshake: Handshake = { socket, address, timer }
      byPlace.set(place, handshake)
      byAddress.add(address, handshake)
      socket.once('close', () => leave(place, handshake))
    },
    end: socket => leave(placeOf(socket)),
  }
}

const placeOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string =>
  `${remoteAddress} ${remotePort}`
