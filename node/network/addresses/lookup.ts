import type { Libp2p } from '@libp2p/interface'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import type { PeerAddress, PeerClient } from '../../../protocols/index.ts'
import { relaysIn } from '../circuit/relays-in.ts'
import type { PathDialerInit } from '../paths/path-dialer.ts'
import { pathKind } from '../paths/path-kind.ts'
import type { OwnNetwork } from '../paths/rank-paths.ts'
import type { AddressBook } from './book.ts'
import { type AddressFinder, createAddressFinder } from './finder.ts'

export interface LookupInit {
  book: AddressBook
  libp2p: Pick<Libp2p, 'getConnections' | 'getMultiaddrs'>
  network: Pick<NetworkConfig, 'kind' | 'relays'>
  /** PeerIds of the committee */
  members(): readonly string[]
  /** how good relays have been */
  relayScore?: OwnNetwork['relayScore']
  clock: Clock
  random: () => number
  log: Log
}

/** What a path dialer knows of where peers are, and whom it asks: those who were dialled with it before. */
export interface Lookup extends Pick<AddressFinder, 'refresh'> {
  readonly paths: Required<Pick<PathDialerInit, 'known' | 'find' | 'own'>>
  /** Where the relays are by which a peer is called, and those of the network: multiaddrs with PeerIds. */
  relaysOf(peerId: string): string[]
  /** `listener` is told of peers that are elsewhere than they were; call the result to end that. */
  onMoved(listener: (peerId: string) => void): () => void
  /** From now on others are asked; by a client that has the dialer. */
  askBy(peers: Pick<PeerClient, 'peers'>): void
}

/** Whether a network's nodes are in private addresses, which lead to somebody else on the Internet. */
export function isPrivateNetwork({ kind }: Pick<NetworkConfig, 'kind'>): boolean {
  return kind === 'localnet'
}

export function createLookup({ libp2p, network, ...init }: LookupInit): Lookup {
  const isPrivate = isPrivateNetwork(network)
  const relays = byPeer(network.relays ?? [])
  let finder: AddressFinder | undefined
  const reached = (): string[] => {
    const open = libp2p.getConnections().filter(({ status }) => status === 'open')
    return [...new Set(open.map(({ remotePeer }) => remotePeer.toString()))]
  }
  return {
    paths: {
      known: peerId => init.book.addresses(peerId),
      find: async (peerId, signal) => (await finder?.find(peerId, signal)) ?? [],
      own: () => ({ outer: outerOf(libp2p), isPrivate, relayScore: init.relayScore }),
    },
    relaysOf: peerId => [...relaysIn(init.book.addresses(peerId)), ...relays.flatMap(one => one.multiaddrs)],
    onMoved: listener => init.book.onLearned(({ peerId }) => listener(peerId)),
    askBy(peers) {
      finder = createAddressFinder({ ...init, peers, reached, relays })
    },
    refresh: async () => (await finder?.refresh()) ?? 0,
  }
}

/** By PeerId; what names none is left out. */
function byPeer(addresses: readonly string[]): PeerAddress[] {
  const relays = new Map<string, string[]>()
  for (const address of addresses) {
    const [, peerId] = /\/p2p\/(\w+)$/.exec(address) ?? []
    if (peerId !== undefined) relays.set(peerId, [...(relays.get(peerId) ?? []), address])
  }
  return [...relays].map(([peerId, multiaddrs]) => ({ peerId, multiaddrs }))
}

/** The IP addresses by which this peer is dialled from outside. */
function outerOf(libp2p: Pick<Libp2p, 'getMultiaddrs'>): string[] {
  return libp2p.getMultiaddrs().flatMap(address => {
    const { relayed, scope, host } = pathKind(address)
    return relayed || scope !== 'public' ? [] : host
  })
}
