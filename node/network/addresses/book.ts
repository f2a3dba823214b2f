import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { ADDRESS_RECORD } from '../../../protocols/index.ts'
import type { KnowsPeer } from '../identify.ts'
import { type AddressRecord, type RecordProblem, readRecord } from './record.ts'

/**
 * `new`: kept. `old`: one with this sequence number, or a later one, is known. Refused: `full`, as there are only members
 * and it is none's; `unasked`, as it is of a peer that was not meant.
 */
export type Learned = 'new' | 'old' | { refused: RecordProblem | 'full' | 'unasked' }

/** Where records are kept for the next start; nothing needs to be waited for. */
export interface AddressStorage {
  /** records, each with the PeerId that it is kept by */
  load(): AsyncIterable<readonly [peerId: string, record: Uint8Array]>
  /** Must not throw. */
  put(peerId: string, record: Uint8Array): void
  delete(peerId: string): void
}

/** The signed records of where peers are. */
export interface AddressBook {
  /**
   * Looks at a record from anywhere, and keeps it when it is good and newer than what is known. `of`: the peers that were asked
   * for, or the one that spoke; any when absent.
   */
  learn(record: Uint8Array, of?: ReadonlySet<string>): Promise<Learned>
  /** The peer's record as long as it holds. */
  get(peerId: string): AddressRecord | undefined
  /** Multiaddrs of the peer by its record; none when there is no record. */
  addresses(peerId: string): readonly string[]
  /** For those who ask by `peers`. */
  records(peerIds: readonly string[]): readonly Uint8Array[]
  /** `listener` is told of each record that is kept. The result stops that. */
  onLearned(listener: (record: AddressRecord) => void): () => void
  readonly size: number
}

export interface AddressBookInit {
  /** members of the committee, which no others push out */
  isMember: KnowsPeer
  /** whether the network is in private addresses, as a devnet is */
  isPrivate: boolean
  clock: Pick<Clock, 'now'>
  /** nowhere when absent */
  storage?: AddressStorage | undefined
  /** peers; the table's when absent */
  limit?: number
}

/** Peers in a book: some 5 MiB, and a hundred committees. */
const MAX_PEERS = 10_000

export function createAddressBook(init: AddressBookInit): AddressBook {
  return new Book(init)
}

/** A book that begins with what was kept at the last run; what of that holds no longer is dropped. */
export async function restoreAddressBook(
  init: AddressBookInit & { storage: AddressStorage; log: Log },
): Promise<AddressBook> {
  const book = new Book(init)
  try {
    for await (const [peerId, record] of init.storage.load()) await book.restore(peerId, record)
  } catch (err) {
    init.log.warn({ err }, 'addresses from the last run could not all be read; they come again by gossip')
  }
  return book
}

class Book implements AddressBook {
  readonly #init: AddressBookInit
  readonly #limit: number
  /** in order of arrival */
  readonly #records = new Map<string, AddressRecord>()
  readonly #listeners = new Set<(record: AddressRecord) => void>()

  constructor(init: AddressBookInit) {
    this.#init = init
    this.#limit = init.limit ?? MAX_PEERS
  }

  get size(): number {
    return this.#records.size
  }

  async learn(bytes: Uint8Array, of?: ReadonlySet<string>): Promise<Learned> {
    const learned = await this.#take(bytes, of)
    if (typeof learned === 'string' || 'refused' in learned) return learned
    this.#init.storage?.put(learned.peerId, learned.bytes)
    for (const listener of this.#listeners) listener(learned)
    return 'new'
  }

  /** As `learn`, of what is in the storage already; it leaves that when it is refused for good, which only the clock may not be. */
  async restore(peerId: string, bytes: Uint8Array): Promise<void> {
    const learned = await this.#take(bytes, new Set([peerId]))
    if (typeof learned === 'object' && 'refused' in learned && learned.refused !== 'future')
      this.#init.storage?.delete(peerId)
  }

  get(peerId: string): AddressRecord | undefined {
    const record = this.#records.get(peerId)
    if (record === undefined) return undefined
    const aheadMs = record.sequence - this.#init.clock.now()
    // one that is far ahead by now came while our own clock was
    if (aheadMs > -ADDRESS_RECORD.holdsMs && aheadMs <= ADDRESS_RECORD.maxAheadMs) return record
    this.#forget(peerId)
    return undefined
  }

  addresses(peerId: string): readonly string[] {
    return this.get(peerId)?.multiaddrs ?? []
  }

  records(peerIds: readonly string[]): readonly Uint8Array[] {
    return peerIds.flatMap(peerId => this.get(peerId)?.bytes ?? [])
  }

  onLearned(listener: (record: AddressRecord) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async #take(bytes: Uint8Array, of?: ReadonlySet<string>): Promise<AddressRecord | Learned> {
    const { clock, isPrivate } = this.#init
    const read = readRecord(bytes, { now: clock.now(), isPrivate })
    if (typeof read === 'string') return { refused: read }
    if (of?.has(read.peerId) === false) return { refused: 'unasked' }
    if (!this.#isNewer(read)) return 'old'
    if (!(await read.isSigned())) return { refused: 'signature' }
    // another one may have come meanwhile
    if (!this.#isNewer(read)) return 'old'
    const { isSigned: _, ...record } = read
    this.#records.delete(record.peerId)
    this.#records.set(record.peerId, record)
    this.#makeRoom(record.peerId)
    return this.#records.has(record.peerId) ? record : { refused: 'full' }
  }

  #isNewer({ peerId, sequence }: AddressRecord): boolean {
    return sequence > (this.get(peerId)?.sequence ?? -1)
  }

  /** The one that is longest here goes, of those that are no members'; the newcomer when all others are. */
  #makeRoom(newcomer: string): void {
    if (this.#records.size <= this.#limit) return
    const isExpendable = (peerId: string): boolean => peerId !== newcomer && !this.#init.isMember(peerId)
    const oldest = this.#records.keys().find(isExpendable)
    if (oldest !== undefined) this.#forget(oldest)
    else if (!this.#init.isMember(newcomer)) this.#records.delete(newcomer)
  }

  #forget(peerId: string): void {
    this.#records.delete(peerId)
    this.#init.storage?.delete(peerId)
  }
}
