import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { createCloseStack } from '../../base/close-stack.ts'
import type { Log } from '../../base/log.ts'
import type { NetworkConfig } from '../../chain/types/index.ts'
import {
  createPeerClient,
  type PeerAddress,
  type ProtocolMetrics,
  serveDirectory,
} from '../../protocols/index.ts'
import type { AddressBook } from '../network/addresses/book.ts'
import { createLookup } from '../network/addresses/lookup.ts'
import type { KnowsPeer } from '../network/identify.ts'
import type { NetworkNode } from '../network/libp2p.ts'
import { createPathDialer } from '../network/paths/path-dialer.ts'
import { createReachProber } from '../network/reach/prober.ts'
import type { Refusals } from '../refusals.ts'
import { createDoor } from './door.ts'
import { createMemberRecords } from './member-records.ts'

/** Of which network a relay tells, and what it knows of it. */
export interface DirectoryParts {
  network: Pick<NetworkConfig, 'kind' | 'systemObjectId'>
  book: AddressBook
  /** of the current committee, as the chain has them */
  members(): readonly PeerAddress[]
  metrics: ProtocolMetrics
}

export interface DirectoryInit {
  libp2p: NetworkNode
  isMember: KnowsPeer
  /** whom the relay's operator lets in */
  admits(connection: Connection): boolean
  refusals: Pick<Refusals, 'refused'> | undefined
  log: Log
  clock: Clock
  random: () => number
}

/**
 * Tells whoever asks a relay where members are (`peers`), and whether others can dial the one who asks (`reach`). It hears no gossip: it
 * asks members for their signed records. The result ends it.
 */
export async function openDirectory(
  { network, book, members, metrics }: DirectoryParts,
  { libp2p, isMember, admits, refusals, log, clock, random }: DirectoryInit,
): Promise<() => Promise<void>> {
  const identity = { network: network.systemObjectId }
  const ids = (): string[] => members().map(({ peerId }) => peerId)
  const lookup = createLookup({ book, libp2p, network, members: ids, clock, random, log })
  const dialer = createPathDialer({ libp2p, clock, ...lookup.paths })
  const peers = createPeerClient({ dialer, log, metrics, clock }, identity)
  const isConnected = (peer: string): boolean =>
    libp2p
      .getConnections()
      .some(({ remotePeer, status }) => status === 'open' && remotePeer.toString() === peer)
  const records = createMemberRecords({ book, peers, members, isConnected, clock, random, log })
  const onOpen = ({ detail }: CustomEvent<Connection>): void => {
    if (isMember(detail.remotePeer.toString())) records.memberCame()
  }
  const server = serveDirectory(
    { libp2p, log, metrics, clock },
    { ...identity, addresses: book, reach: createReachProber({ libp2p, clock }), enter: createDoor(admits) },
    { isMember, serving: libp2p.serving, refused: reason => refusals?.refused('streams', reason) },
  )
  const opened = createCloseStack(log)
  opened.push(async () => peers.close())
  opened.push(async () => libp2p.removeEventListener('connection:open', onOpen))
  libp2p.addEventListener('connection:open', onOpen)
  opened.push(records.stop)
  records.start()
  opened.push(() => server.stop())
  try {
    await server.start()
  } catch (error) {
    await opened.closeAll()
    throw error
  }
  return opened.closeAll
}
