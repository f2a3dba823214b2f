import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { LruMap } from '../../../base/lru-map.ts'
import { SingleFlight } from '../../../base/single-flight.ts'
import { MAX_ASKED_PEERS, type PeerAddress, type PeerClient, peerDeadline } from '../../../protocols/index.ts'
import { stagger } from '../paths/stagger.ts'
import type { AddressBook } from './book.ts'

export interface AddressFinderInit {
  book: AddressBook
  peers: Pick<PeerClient, 'peers'>
  /** PeerIds of those to whom there is a connection */
  reached(): readonly string[]
  /** PeerIds of the committee: whoever lacks one record lacks others; and they are asked first, as anybody may be a stranger many times */
  members(): readonly string[]
  /** of the network, which are dialled for it; they are asked after members that were reached, and before others */
  relays?: readonly PeerAddress[]
  clock: Clock
  /** 0 to 1 */
  random: () => number
  log: Log
}

/** Asks peers that were reached, and the network's relays, where others are. */
export interface AddressFinder {
  /** Multiaddrs of a peer by its signed record; none when nobody that was asked knows. */
  find(peerId: string, signal?: AbortSignal): Promise<readonly string[]>
  /** Asks for the records of all members of whom there is none. Resolves with how many are still missing. */
  refresh(): Promise<number>
}

/** Peers asked one after the other until one tells of somebody: some may stand still, or know nothing. */
const ASKED = 3
const STAGGER_MS = 500
/** A dial waits for it. */
const ANSWER_MS = 2_000
/** The same peer is not looked for again before. */
const AGAIN_MS = 10_000
const REMEMBERED = 1_000

/** One question is for all members without a record, however many want to know of one at the same time. */
export function createAddressFinder(init: AddressFinderInit): AddressFinder {
  const { book, peers, members, clock, log } = init
  const flight = new SingleFlight<void>()
  const looked = new LruMap<string, number>(REMEMBERED)
  /** those of whom an answer is awaited: if one cannot be reached, this is no time to ask others for it */
  const answering = new Set<string>()
  const wanted = new Set<string>()
  let isAsking = false

  const isRecent = (peerId: string): boolean =>
    clock.monotonic() - (looked.get(peerId) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS
  const lacking = (): string[] =>
    [...new Set([...wanted, ...members()])]
      .filter(peerId => book.get(peerId) === undefined)
      .slice(0, MAX_ASKED_PEERS)

  async function ask(): Promise<void> {
    isAsking = true
    try {
      const ids = lacking()
      if (ids.length === 0) return
      for (const id of ids) {
        looked.set(id, clock.monotonic())
        wanted.delete(id)
      }
      using limit = peerDeadline(clock, ANSWER_MS)
      const some = inOrder(init).slice(0, ASKED)
      const attempts = some.map(peer => ({
        afterMs: STAGGER_MS,
        run: (signal: AbortSignal) => askOne(peer, ids, signal),
      }))
      const records = await stagger(attempts, { clock, signal: limit.signal, drop: () => undefined })
      const asked = new Set(ids)
      for (const record of records) {
        const learned = await book.learn(record, asked)
        if (typeof learned === 'object') log.debug(learned, 'an address record was refused')
      }
    } catch (err) {
      log.debug({ err }, 'nobody told where others are')
    } finally {
      isAsking = false
    }
  }

  async function askOne(
    peer: PeerAddress,
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]> {
    const { peerId } = peer
    answering.add(peerId)
    try {
      const records = await peers.peers(peer, ids, { signal })
      if (records.length === 0) throw new Error(`${peerId} knows none of them`)
      return records
    } finally {
      answering.delete(peerId)
    }
  }

  return {
    async find(peerId, signal) {
      wanted.add(peerId)
      try {
        // a question under way may have begun without this one
        for (let rounds = 2; rounds > 0 && book.get(peerId) === undefined; rounds--) {
          if (answering.has(peerId) || (isRecent(peerId) && !isAsking)) break
          await flight.run(ask, signal)
        }
        return book.addresses(peerId)
      } finally {
        wanted.delete(peerId)
      }
    },
    async refresh() {
      await flight.run(ask)
      return lacking().length
    },
  }
}

/** Whom to ask, the first first. */
function inOrder({ reached, members, relays = [], random }: AddressFinderInit): PeerAddress[] {
  const known = new Set(members())
  const all = shuffled(reached(), random).map((peerId): PeerAddress => ({ peerId, multiaddrs: [] }))
  const isMember = ({ peerId }: PeerAddress): boolean => known.has(peerId)
  const isOther = (peer: PeerAddress): boolean =>
    !isMember(peer) && !relays.some(relay => relay.peerId === peer.peerId)
  return [...all.filter(isMember), ...shuffled(relays, random), ...all.filter(isOther)]
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map(value => ({ value, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ value }) => value)
}
