import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../../../base/clock.ts'
import { ipScope, networkOf } from '../../../../base/ip.ts'
import { onAbort } from '../../../../base/wait.ts'
import { PUNCH, type PunchCandidate } from '../../../../protocols/index.ts'
import { SOCKET } from '../../limits.ts'
import { isV6 } from './candidates.ts'

export interface MeetInit {
  /** local ports that nothing listens on, and whose outer side the peer knows */
  ports: { readonly v4?: number | undefined; readonly v6?: number | undefined }
  /** where the peer may be met, as `allowedCandidates` has them */
  theirs: readonly PunchCandidate[]
  /** Both are in one network: the peer may come from any private address. */
  isHome: boolean
  roundTripMs: number
  clock: Clock
  random: () => number
  /** ends it, also when a socket has turned out to be the right one */
  signal: AbortSignal
  /** A socket is open, whoever is at its other end: the caller's from here on. */
  onSocket(socket: Socket): void
}

/**
 * Dials the peer from the ports whose outer side it knows, while it does the same: a SYN that leaves opens this side's router for the
 * other's. Between the dials the ports listen, for a peer that comes from elsewhere than it has said, or in the same network. At most
 * PUNCH.syns SYN leave, in at most PUNCH.meetMs. Resolves when the time is up or `signal` aborts, never rejects.
 */
export async function meet(init: MeetInit): Promise<void> {
  const { clock, random, signal, theirs, roundTripMs } = init
  using limit = clock.deadline(PUNCH.meetMs, [signal])
  const doors = doorsOf(init)
  let syns = PUNCH.syns
  try {
    while (!limit.signal.aborted) {
      const round = theirs.slice(0, syns)
      syns -= round.length
      for (const door of doors) door.close()
      const attempts = round.map(candidate => attempt(candidate, init, limit.signal))
      for (const door of doors) door.open()
      // with the last SYN gone, the peer's may still come
      if (round.length === 0) await clock.sleep(2 * PUNCH.meetMs, limit.signal)
      await Promise.all(attempts)
      await clock.sleep(random() * Math.max(PUNCH.spreadMs, roundTripMs), limit.signal)
    }
  } catch (error) {
    if (!limit.signal.aborted) throw error
  } finally {
    for (const door of doors) door.close()
  }
}

/** One SYN. Resolves when it has come to something or to nothing. */
async function attempt(
  { ip: host, port }: PunchCandidate,
  { ports, clock, onSocket }: MeetInit,
  signal: AbortSignal,
): Promise<void> {
  const localPort = isV6(host) ? ports.v6 : ports.v4
  if (localPort === undefined) return
  const localAddress = isV6(host) ? '::' : '0.0.0.0'
  const over = Promise.withResolvers<void>()
  const socket = connect({ ...SOCKET.dialOpts, host, port, localPort, localAddress })
  const giveUp = (): void => void socket.destroy()
  const timer = clock.after(PUNCH.attemptMs, giveUp)
  using _ = onAbort(signal, giveUp)
  const onEnd = (): void => over.resolve()
  socket.on('error', onEnd)
  socket.on('close', onEnd)
  socket.once('connect', () => {
    socket.off('error', onEnd)
    socket.off('close', onEnd)
    over.resolve()
    onSocket(socket)
  })
  await over.promise
  timer.stop()
}

interface Door {
  open(): void
  close(): void
}

/**
 * A listener for each port. It is closed while a dial begins: no socket may be bound to a port that is listened on. What cannot be
 * listened on is left: dials alone are enough between most routers.
 */
function doorsOf({ ports, theirs, isHome, onSocket }: MeetInit): Door[] {
  const expected = new Set(theirs.map(({ ip }) => networkOf(ip)))
  let left: number = PUNCH.sockets
  const onConnection = (socket: Socket): void => {
    const { remoteAddress: ip = '' } = socket
    const isExpected = expected.has(networkOf(ip)) || (isHome && ipScope(ip) === 'private')
    if (!isExpected || left === 0) return void socket.resetAndDestroy()
    left--
    onSocket(socket)
  }
  const doorOf = (host: string, port: number): Door => {
    let server: Server | undefined
    return {
      open() {
        server = createServer(SOCKET.listenOpts, onConnection)
        server.on('error', () => undefined)
        server.listen({ host, port, ipv6Only: isV6(host), backlog: PUNCH.sockets })
      },
      close: () => void server?.close(),
    }
  }
  const { v4, v6 } = ports
  return [
    ...(v4 === undefined ? [] : [doorOf('0.0.0.0', v4)]),
    ...(v6 === undefined ? [] : [doorOf('::', v6)]),
  ]
}
