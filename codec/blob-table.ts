import { concatBytes } from '../base/bytes.ts'
import { defined } from '../base/defined.ts'
import { ByteReader, u32le, u64le, uleb128 } from './bytes.ts'
import { blobIdFromBytes, blobIdToBytes, objectIdFromBytes, objectIdToBytes } from './ids.ts'
import { blake2b256, DIGEST_LENGTH } from './merkle.ts'
import type { BlobId, Epoch, ObjectId } from './types.ts'

/**
 * The blob table as of an epoch's beginning: what the chain's events up to that one say about blobs, in one encoding.
 *
 *   rows   blobs in the order of their IDs' bytes, each followed by its registrations in the order of their object IDs
 *   pages  rows until they have TABLE_PAGE_BYTES or more
 *   hashes of a page: blake2b(blake2b(rows) || hash of the next page), 32 zeros behind the last one
 *   digest of the whole: blake2b(tag || network || epoch || cursor || blobs || pages || hash of the first page)
 *
 * So the digest tells each page, in turn, before anything behind it has come.
 */

/** A page has this many bytes, and at most one row more. */
export const TABLE_PAGE_BYTES = 64 * 1024
/** the longest row: IDs, flags, epochs, and an event with a digest of 64 characters */
const MAX_ROW_BYTES = 256
/** No page is longer, in bytes: it ends with the row that fills it. */
export const MAX_TABLE_PAGE_BYTES = TABLE_PAGE_BYTES + MAX_ROW_BYTES

/** Where on chain something happened. */
export interface TableEvent {
  /** ASCII, up to 64 characters */
  txDigest: string
  /** index of the event in its transaction */
  eventSeq: number
}

export interface TableRegistration {
  objectId: ObjectId
  deletable: boolean
  certified: boolean
  /** first epoch in which it is no longer stored */
  endEpoch: Epoch
  event?: TableEvent
}

/** What the table says of a blob. */
export interface TableEntry {
  blobId: BlobId
  registrations: readonly TableRegistration[]
  /** of the blob, in bytes, as its ID has it; absent in tables of earlier versions */
  size?: number
  /** first epoch in which some object of the blob was certified */
  initialCertifiedEpoch?: Epoch
  invalid?: boolean
  invalidEvent?: TableEvent
}

/** What the digest stands for. */
export interface TableHead {
  epoch: Epoch
  /** of the event with which the epoch began: ASCII */
  cursor: string
  blobs: number
  pages: number
  /** 32 bytes: hash of the first page; zeros when there is none */
  first: Uint8Array
}

/** Behind the last page. */
export const TABLE_END: Uint8Array = new Uint8Array(DIGEST_LENGTH)

const TAG = new TextEncoder().encode('floe blob table 1')
const BLOB_ROW = Uint8Array.of(0)
const REGISTRATION_ROW = Uint8Array.of(1)
/** A blob whose size is told, which follows the ID. */
const SIZED_BLOB_ROW = Uint8Array.of(2)
const NO = Uint8Array.of(0)
const YES = Uint8Array.of(1)

/** What a page's rows are known by: 32 bytes, of its `rows` as they are encoded. */
export const rowsHash = (rows: Uint8Array): Uint8Array => blake2b256(rows)

/**
 * What a page is known by, 32 bytes; of the first one, the table's digest.
 *
 * @param hash of the page's rows, by `rowsHash`
 * @param next hash of the page after it; zeros for the last one
 */
export const pageHash = (hash: Uint8Array, next: Uint8Array): Uint8Array => blake2b256(hash, next)

/** 32 bytes. @param network system object ID */
export function tableDigest(
  network: ObjectId,
  { epoch, cursor, blobs, pages, first }: TableHead,
): Uint8Array {
  const text = new TextEncoder().encode(cursor)
  return blake2b256(
    TAG,
    objectIdToBytes(network),
    u32le(epoch),
    uleb128(text.length),
    text,
    u64le(blobs),
    u32le(pages),
    first,
  )
}

/** Cuts rows into pages as they come; what is behind the last page is in memory. */
export class TableEncoder {
  readonly #rows: Uint8Array[] = []
  #bytes = 0;

  /** Blobs in the order of their IDs; gives the pages that are full now. */
  *add(entry: TableEntry): Generator<Uint8Array> {
    const { registrations } = entry
    const sorted = registrations.toSorted((a, b) => (a.objectId < b.objectId ? -1 : 1))
    yield* this.#row(blobRow(entry))
    for (const registration of sorted) yield* this.#row(registrationRow(registration))
  }

  /** The last page, if rows are left. */
  *end(): Generator<Uint8Array> {
    if (this.#bytes > 0) yield this.#take()
  }

  *#row(row: Uint8Array): Generator<Uint8Array> {
    this.#rows.push(row)
    this.#bytes += row.length
    if (this.#bytes >= TABLE_PAGE_BYTES) yield this.#take()
  }

  #take(): Uint8Array {
    this.#bytes = 0
    return concatBytes(...this.#rows.splice(0))
  }
}

function blobRow({ blobId, size, initialCertifiedEpoch, invalid, invalidEvent, registrations }: TableEntry) {
  return concatBytes(
    size === undefined ? BLOB_ROW : SIZED_BLOB_ROW,
    blobIdToBytes(blobId),
    size === undefined ? new Uint8Array() : u64le(size),
    initialCertifiedEpoch === undefined ? NO : concatBytes(YES, u32le(initialCertifiedEpoch)),
    invalid ? YES : NO,
    event(invalidEvent),
    u32le(registrations.length),
  )
}

function registrationRow({ objectId, deletable, certified, endEpoch, event: at }: TableRegistration) {
  return concatBytes(
    REGISTRATION_ROW,
    objectIdToBytes(objectId),
    deletable ? YES : NO,
    certified ? YES : NO,
    u32le(endEpoch),
    event(at),
  )
}

const MAX_DIGEST_CHARACTERS = 64

function event(at: TableEvent | undefined): Uint8Array {
  if (at === undefined) return NO
  const digest = new TextEncoder().encode(at.txDigest.slice(0, MAX_DIGEST_CHARACTERS))
  return concatBytes(YES, uleb128(digest.length), digest, u32le(at.eventSeq))
}

/** Puts blobs together again from pages in order. Throws CodecError MALFORMED for what no encoder has made. */
export class TableDecoder {
  #entry: (TableEntry & { registrations: TableRegistration[] }) | undefined
  #left = 0
  #last: Uint8Array | undefined;

  /** Blobs that are whole with this page; the last one of a page may go on in the next. */
  *page(rows: Uint8Array): Generator<TableEntry> {
    const reader = new Rows(rows)
    while (!reader.isEmpty) {
      if (this.#left === 0) this.#begin(reader)
      else this.#registration(reader)
      if (this.#left > 0) continue
      yield this.#entry!
      this.#entry = undefined
    }
  }

  /** That nothing is missing behind the last page. */
  end(): void {
    if (this.#left > 0) throw new Rows(TABLE_END).malformed()
  }

  #begin(reader: Rows): void {
    const isSized = reader.kind(BLOB_ROW, SIZED_BLOB_ROW) === SIZED_BLOB_ROW
    const id = reader.take(DIGEST_LENGTH)
    if (this.#last !== undefined && !isBelow(this.#last, id)) throw reader.malformed()
    this.#last = id.slice()
    const blobId = blobIdFromBytes(id)
    const size = isSized ? reader.size() : undefined
    const initialCertifiedEpoch = reader.flag() ? (reader.u32() as Epoch) : undefined
    const invalid = reader.flag() || undefined
    const invalidEvent = reader.event()
    this.#left = reader.u32()
    this.#entry = defined({ blobId, registrations: [], size, initialCertifiedEpoch, invalid, invalidEvent })
  }

  #registration(reader: Rows): void {
    reader.kind(REGISTRATION_ROW)
    const objectId = objectIdFromBytes(reader.take(DIGEST_LENGTH))
    const { registrations } = this.#entry!
    if (registrations.length > 0 && objectId <= registrations.at(-1)!.objectId) throw reader.malformed()
    const [deletable, certified] = [reader.flag(), reader.flag()]
    const endEpoch = reader.u32() as Epoch
    const event = reader.event()
    registrations.push(defined({ objectId, deletable, certified, endEpoch, event }))
    this.#left--
  }
}

function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  const at = a.findIndex((byte, i) => byte !== b[i])
  return at >= 0 && a[at]! < b[at]!
}

class Rows extends ByteReader {
  #left: number

  constructor(rows: Uint8Array) {
    super(rows, 'a blob table')
    this.#left = rows.length
  }

  get isEmpty(): boolean {
    return this.#left === 0
  }

  override take(length: number): Uint8Array {
    const bytes = super.take(length)
    this.#left -= length
    return bytes
  }

  /** Which of these the row is. */
  kind(...expected: readonly Uint8Array[]): Uint8Array {
    const byte = this.u8()
    const kind = expected.find(([first]) => first === byte)
    if (kind === undefined) throw this.malformed()
    return kind
  }

  size(): number {
    const size = this.u64()
    if (size > Number.MAX_SAFE_INTEGER) throw this.malformed()
    return Number(size)
  }

  flag(): boolean {
    const byte = this.u8()
    if (byte > 1) throw this.malformed()
    return byte === 1
  }

  event(): TableEvent | undefined {
    if (!this.flag()) return undefined
    const length = this.uleb128()
    if (length > MAX_DIGEST_CHARACTERS) throw this.malformed()
    const digest = this.take(length)
    if (digest.some(byte => byte < 0x21 || byte > 0x7e)) throw this.malformed()
    const txDigest = String.fromCharCode(...digest)
    return { txDigest, eventSeq: this.u32() }
  }
}
