import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import type { RelayScores } from '../circuit/relay-scores.ts'
import type { CommitteeTracker } from '../committees.ts'
import { createMemberIndex } from '../member-index.ts'
import type { DialingLibp2p } from '../paths/dial-address.ts'
import { createAddressBook } from './book.ts'
import { createLookup, isPrivateNetwork, type Lookup } from './lookup.ts'

export interface ClientLookupInit {
  libp2p: DialingLibp2p
  committees: Pick<CommitteeTracker, 'latest'>
  /** how good relays have been */
  scores: Pick<RelayScores, 'of'>
  clock: Clock
  random: () => number
  log: Log
}

/** Of a client, which hears no gossip: it knows what it has asked for, and keeps that for as long as it lives. */
export function createClientLookup(
  network: NetworkConfig,
  { libp2p, committees, scores, clock, random, log }: ClientLookupInit,
): Lookup {
  const index = createMemberIndex()
  const isMember = (peer: string): boolean => index.of(committees.latest(), peer) !== undefined
  const book = createAddressBook({ isMember, isPrivate: isPrivateNetwork(network), clock })
  const members = (): string[] => index.currentOf(committees.latest())
  const relayScore = (relay: string): number | undefined => scores.of(relay)
  return createLookup({ book, libp2p, network, members, relayScore, clock, random, log })
}
