import type { Socket } from 'node:net'
import type {
  ComponentLogger,
  Connection,
  Libp2p,
  MultiaddrConnection,
  PeerId,
  Upgrader,
} from '@libp2p/interface'
import type { Clock } from '../../../../base/clock.ts'
import { ProtocolError, PUNCH, peerDeadline } from '../../../../protocols/index.ts'
import { type MeetInit, meet } from './meet.ts'
import { socketConnection } from './socket-connection.ts'

/** What libp2p makes connections of. */
export interface Upgrading {
  /** who this node is */
  self: PeerId
  upgrader: Pick<Upgrader, 'upgradeInbound' | 'upgradeOutbound'>
  logger: ComponentLogger
  /** the direct connections of a peer, open ones */
  direct(peer: PeerId): Connection | undefined
}

/** The parts of a libp2p node, of which its interface leaves some out. */
export function upgradingOf(libp2p: Pick<Libp2p, 'getConnections'>): Upgrading | undefined {
  const { components } = libp2p as {
    components?: Pick<Upgrading, 'upgrader' | 'logger'> & { peerId: PeerId }
  }
  if (components === undefined) return undefined
  const { peerId: self, upgrader, logger } = components
  return {
    self,
    upgrader,
    logger,
    direct: peer => libp2p.getConnections(peer).find(({ status, direct }) => status === 'open' && direct),
  }
}

export interface MeetPeerInit extends Omit<MeetInit, 'onSocket'> {
  peer: PeerId
  /** who begins the handshake: `outbound` for the side that has dialled the relayed connection */
  role: 'outbound' | 'inbound'
  upgrading: Upgrading
}

/**
 * Meets a peer, and makes a libp2p connection of the first socket at whose other end it proves to be. Both sides may have
 * several: the one that begins takes one after the other, the other one answers on all. Throws UNREACHABLE, or the signal's reason.
 */
export async function meetPeer(init: MeetPeerInit): Promise<Connection> {
  const { signal } = init
  const found = new AbortController()
  const sockets = new Set<Socket>()
  let connection: Connection | undefined
  let turn: Promise<void> = Promise.resolve()
  const upgrading = new Set<Promise<void>>()
  const upgrade = async (socket: Socket): Promise<void> => {
    if (connection !== undefined || signal.aborted) return
    const upgraded = await tryUpgrade(socket, init)
    if (upgraded === undefined) return
    sockets.delete(socket)
    connection ??= upgraded
    found.abort()
  }
  const onSocket = (socket: Socket): void => {
    socket.on('error', () => undefined)
    sockets.add(socket)
    turn = init.role === 'outbound' ? turn.then(() => upgrade(socket)) : upgrade(socket)
    const done: Promise<void> = turn.finally(() => upgrading.delete(done))
    upgrading.add(done)
  }
  try {
    await meet({ ...init, signal: AbortSignal.any([signal, found.signal]), onSocket })
    if (connection === undefined) await Promise.all(upgrading)
  } finally {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  if (connection !== undefined) return connection
  signal.throwIfAborted()
  throw new ProtocolError('UNREACHABLE', { cause: new Error('the peers did not meet') })
}

/** Undefined when somebody else is at the other end, or nobody. */
async function tryUpgrade(
  socket: Socket,
  { peer, role, upgrading, clock, signal }: MeetPeerInit & { clock: Clock },
): Promise<Connection | undefined> {
  if (socket.destroyed) return undefined
  using limit = peerDeadline(clock, PUNCH.upgradeMs, signal)
  let raw: MultiaddrConnection | undefined
  try {
    // throws where the socket was reset just now, and node has not seen it yet: it has no address any more
    raw = socketConnection(socket, peer, role, upgrading.logger)
    if (role === 'outbound') return await upgrading.upgrader.upgradeOutbound(raw, { signal: limit.signal })
    await upgrading.upgrader.upgradeInbound(raw, { signal: limit.signal })
    return upgrading.direct(peer)
  } catch (error) {
    raw?.abort(error instanceof Error ? error : new Error('not upgraded', { cause: error }))
    return undefined
  }
}
