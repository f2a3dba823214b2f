import { Background } from '../../../base/background.ts'
import { createBackoff } from '../../../base/backoff.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import type { ProtocolMetrics } from '../../../protocols/index.ts'
import type { RelayScores } from '../circuit/relay-scores.ts'
import type { KnowsPeer } from '../identify.ts'
import type { NetworkNode } from '../libp2p.ts'
import type { ReachedAddress } from '../reach/announced.ts'
import type { AddressBook } from './book.ts'
import { createLookup, isPrivateNetwork, type Lookup } from './lookup.ts'
import { createAddressPublisher } from './publisher.ts'
import type { AddressFiles } from './storage.ts'

export interface WhereaboutsInit {
  network: NetworkConfig
  /** where others are */
  addresses: AddressBook
  /** of the last record of where this node is */
  sequence: Pick<AddressFiles, 'sequence' | 'setSequence'>
  isMember: KnowsPeer
  /** PeerIds of the current committee */
  members(): readonly string[]
  /** how relays have been to this node */
  scores: RelayScores
  metrics: ProtocolMetrics
  clock: Clock
  random: () => number
  log: Log
}

/** Where a node's peers are, and that they hear where it is. */
export interface Whereabouts extends Pick<Lookup, 'paths' | 'askBy' | 'relaysOf'> {
  /** Hears others, and tells them, until `stop`. */
  listen(): void
  /** Others have reached this node elsewhere than before. */
  moved(): void
  /** Asks for what was not heard, until `follow`. */
  lead(): void
  follow(): Promise<void>
  stop(): Promise<void>
}

/** Whose they are. */
export interface WhoseAbouts {
  libp2p: NetworkNode
  /** of its key */
  networkSeed: Uint8Array
  /** where others have reached it beside its own addresses */
  reached(): readonly ReachedAddress[]
}

/** What gossip did not bring, as a node or a neighbour was just starting, is asked for, less and less often. */
const FIRST_MS = 2_000
const LONGEST_MS = 3_600_000

/** Those of a libp2p node. */
export async function createWhereabouts(
  { network, addresses, sequence, isMember, members, scores, ...shared }: WhereaboutsInit,
  { libp2p, networkSeed, reached }: WhoseAbouts,
): Promise<Whereabouts> {
  const relayScore = (relay: string): number | undefined => scores.of(relay)
  const lookup = createLookup({ ...shared, book: addresses, libp2p, network, members, relayScore })
  const catchUp = createCatchUp({ ...shared, lookup })
  const publisher = await createAddressPublisher({
    ...shared,
    networkSeed,
    reached,
    book: addresses,
    files: sequence,
    libp2p,
    network: network.systemObjectId,
    isMember,
    isPrivate: isPrivateNetwork(network),
  })
  return {
    paths: lookup.paths,
    askBy: lookup.askBy,
    relaysOf: lookup.relaysOf,
    listen: publisher.listen,
    moved: publisher.moved,
    lead: () => catchUp.start(),
    follow: () => catchUp.stop(),
    async stop() {
      await catchUp.stop()
      await publisher.stop()
    },
  }
}

/** Asks neighbours where members are as long as that is not known of all. */
function createCatchUp({
  lookup,
  clock,
  random,
}: Pick<WhereaboutsInit, 'clock' | 'random'> & { lookup: Pick<Lookup, 'refresh'> }): Background {
  return new Background(async signal => {
    const backoff = createBackoff({
      firstMs: FIRST_MS,
      maxMs: LONGEST_MS,
      jitter: 0.5,
      random,
      timers: clock,
    })
    // gossip comes first: by then there are neighbours, and little is missing
    await backoff.pause(signal).catch(() => undefined)
    while (!signal.aborted) {
      const missing = await lookup.refresh()
      if (missing > 0) await backoff.pause(signal).catch(() => undefined)
      else await clock.sleep(LONGEST_MS, signal).catch(() => undefined)
      if (missing === 0) backoff.reset()
    }
  })
}
