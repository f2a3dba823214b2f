import {
  type BlobCodec,
  blobIdFromBytes,
  blobIdToBytes,
  CodecError,
  type EncodedBlob,
  encodingParams,
  type Outcome,
  type ProvenSymbol,
  pairOfShard,
  type SliverOfBlob,
  type SourceSymbols,
  sliverFrame,
  sliverIndex,
  symbolSize,
} from '../../codec/index.ts'
import type { Axis, BlobId, BlobMetadata, ShardIndex, SliverRef } from '../../codec/types.ts'
import { pathBytes } from '../../node/storage/recovery/symbol-data.ts'
import { BLOB_PREFIX, blobIdFromHex, blobKey } from '../../node/storage/store/keys.ts'
import type { KnownStates } from './read-once.ts'

/** A blob that is known by its first eight bytes; what follows them does not matter. */
export interface TokenBlob {
  /** position in the order of coming */
  index: number
  blobId: BlobId
  hex: string
  /** under which records of it are kept */
  key: string
  metadata: BlobMetadata
  nonce: readonly [number, number]
  /** pair of shard 0 */
  firstPair: number
}

/** Bytes that name a blob and a sliver of it. */
const TAG_BYTES = 8
const SLAB_BYTES = 64 * 1024

/** All blobs of a simulation: what is right of them is known here. */
export class TokenBlobs {
  readonly nShards: number
  readonly all: TokenBlob[] = []
  /** positions in `all`, in the order of the IDs' bytes */
  readonly sorted: number[] = []
  /** what records say that were read once */
  readonly states: KnownStates = new WeakMap()
  readonly #byId = new Map<BlobId, TokenBlob>()
  readonly #byHex = new Map<string, TokenBlob>()
  readonly #positions = new WeakMap<readonly BlobId[], Int32Array>()
  #slab = new Uint8Array(SLAB_BYTES)
  #slabAt = 0
  /** the same for all: what is not this is no metadata */
  readonly #hashes: Uint8Array

  constructor(nShards: number) {
    this.nShards = nShards
    this.#hashes = new Uint8Array(64 * nShards)
  }

  of(blobId: BlobId): TokenBlob | undefined {
    return this.#byId.get(blobId)
  }

  keyOf(blobId: BlobId): string {
    return this.of(blobId)?.key ?? blobKey(blobId)
  }

  idOf(hex: string): BlobId {
    return this.#byHex.get(hex)?.blobId ?? blobIdFromHex(hex)
  }

  /** Positions in `all`; kept for as long as the list is. */
  positions(blobIds: readonly BlobId[]): Int32Array {
    const known = this.#positions.get(blobIds)
    if (known !== undefined) return known
    const positions = Int32Array.from(blobIds, blobId => this.of(blobId)!.index)
    this.#positions.set(blobIds, positions)
    return positions
  }

  /** The blob that these bytes are. */
  add(data: Uint8Array): TokenBlob {
    const nonce = [word(data, 0), word(data, 4)] as const
    const id = new Uint8Array(32)
    for (let i = 0; i < 8; i++) putWord(id, 4 * i, mix(nonce[0], nonce[1], data.length, i))
    const blobId = blobIdFromBytes(id)
    const known = this.#byId.get(blobId)
    if (known !== undefined) return known
    const { nShards } = this
    const metadata: BlobMetadata = {
      blobId,
      encodingType: 'RS2',
      unencodedLength: data.length,
      nShards,
      hashes: this.#hashes,
    }
    const hex = Buffer.from(id).toString('hex')
    const key = BLOB_PREFIX + hex
    const firstPair = pairOfShard(0 as ShardIndex, blobId, nShards)
    const blob = { index: this.all.length, blobId, hex, key, metadata, nonce, firstPair }
    this.all.push(blob)
    this.#byId.set(blobId, blob)
    this.#byHex.set(hex, blob)
    this.sorted.splice(this.after(hex), 0, blob.index)
    return blob
  }

  /** Position in `sorted` of the first whose ID is higher. */
  after(hex: string): number {
    let low = 0
    let high = this.sorted.length
    while (low < high) {
      const mid = (low + high) >> 1
      if (this.all[this.sorted[mid]!]!.hex <= hex) low = mid + 1
      else high = mid
    }
    return low
  }

  isMetadata(metadata: BlobMetadata): boolean {
    const blob = this.of(metadata.blobId)
    return (
      blob !== undefined &&
      metadata.unencodedLength === blob.metadata.unencodedLength &&
      (metadata.hashes === this.#hashes || metadata.hashes.every(byte => byte === 0))
    )
  }

  /** A sliver of the true size; a wrong one has another tag. */
  sliver({ metadata, nonce }: TokenBlob, ref: SliverRef, isRight = true): Uint8Array {
    const { header, bodyBytes, trailer } = sliverFrame(metadata, ref)
    const bytes = this.#zeros(header.length + bodyBytes + trailer.length)
    bytes.set(header)
    const right = tag(nonce, ref, isRight)
    for (let i = 0; i < Math.min(TAG_BYTES, bodyBytes); i++) bytes[header.length + i] = right[i]!
    bytes.set(trailer, header.length + bodyBytes)
    return bytes
  }

  check(metadata: BlobMetadata, ref: SliverRef, bytes: Uint8Array): CodecError | undefined {
    const blob = this.of(metadata.blobId)
    const { header, bodyBytes, trailer } = sliverFrame(metadata, ref)
    if (bytes.length !== header.length + bodyBytes + trailer.length)
      return new CodecError('SLIVER_MALFORMED', 'wrong length', { ...ref, what: 'length' })
    const right = blob && tag(blob.nonce, ref, true)
    for (let i = 0; i < Math.min(TAG_BYTES, bodyBytes); i++) {
      if (bytes[header.length + i] !== right?.[i])
        return new CodecError('SLIVER_MISMATCH', 'not the sliver', ref)
    }
    return undefined
  }

  /** Small ones share memory: a machine spends more on many small pieces of it than on all that is in them. */
  #zeros(length: number): Uint8Array {
    if (length > SLAB_BYTES / 8) return new Uint8Array(length)
    if (this.#slabAt + length > SLAB_BYTES) {
      this.#slab = new Uint8Array(SLAB_BYTES)
      this.#slabAt = 0
    }
    this.#slabAt += length
    return this.#slab.subarray(this.#slabAt - length, this.#slabAt)
  }

  /** What is at the crossing of a row and a column. */
  symbol({ nonce, metadata }: TokenBlob, row: number, column: number, isRight: boolean): Uint8Array {
    const data = this.#zeros(symbolSize(this.nShards, metadata.unencodedLength))
    const value = mix(nonce[0], nonce[1], row, column) ^ (isRight ? 0 : 1)
    data[0] = value & 0xff
    data[1] = (value >>> 8) & 0xff
    return data
  }
}

/** The codec for tokens: nothing is computed, and what is right is told from what is not as the real one tells it. */
export function tokenCodec(blobs: TokenBlobs): BlobCodec {
  const { nShards } = blobs
  const expectBlob = ({ blobId }: BlobMetadata): TokenBlob => {
    const blob = blobs.of(blobId)
    if (blob === undefined) throw new Error('a blob that was never encoded')
    return blob
  }
  const cross = (a: SliverRef, b: SliverRef): [row: number, column: number] => {
    const [row, column] = a.axis === 'primary' ? [a, b] : [b, a]
    return [sliverIndex(row, nShards), sliverIndex(column, nShards)]
  }
  const crossing = (blob: TokenBlob, source: SliverRef, targets: readonly SliverRef[], bytes: Uint8Array) => {
    const isRight = blobs.check(blob.metadata, source, bytes) === undefined
    return targets.map(target => blobs.symbol(blob, ...cross(source, target), isRight))
  }
  const recover = (
    blob: TokenBlob,
    target: SliverRef,
    symbols: readonly { index: number; data: Uint8Array }[],
  ): Outcome<Uint8Array> => {
    const { primarySymbols, secondarySymbols } = encodingParams(nShards)
    const needed = target.axis === 'primary' ? secondarySymbols : primarySymbols
    if (symbols.length < needed) {
      const details = { needed, got: symbols.length }
      return { error: new CodecError('TOO_FEW_SYMBOLS', 'too few symbols', details) }
    }
    const own = sliverIndex(target, nShards)
    const used = [...symbols].sort((a, b) => a.index - b.index).slice(0, needed)
    const isRight = used.every(({ index, data }) => {
      const [row, column] = target.axis === 'primary' ? [own, index] : [index, own]
      const right = mix(blob.nonce[0], blob.nonce[1], row, column)
      return data[0] === (right & 0xff) && data[1] === ((right >>> 8) & 0xff)
    })
    return { value: blobs.sliver(blob, target, isRight) }
  }

  return {
    async encode(data, _, { signal } = {}) {
      signal?.throwIfAborted()
      return encoded(blobs, blobs.add(data))
    },
    metadata: async data => blobs.add(data).metadata,
    encodeStream: () => Promise.reject(new Error('tokens are held in memory')),
    decodeStream: () => Promise.reject(new Error('tokens are held in memory')),
    async decode({ metadata, slivers, signal }) {
      signal?.throwIfAborted()
      const blob = expectBlob(metadata)
      const { primarySymbols, secondarySymbols } = encodingParams(nShards)
      const isWrong = slivers.some(({ ref, bytes }) => blobs.check(metadata, ref, bytes) !== undefined)
      if (isWrong) {
        const { blobId } = metadata
        throw new CodecError('BLOB_ID_MISMATCH', 'some sliver is wrong', { blobId })
      }
      const got = (axis: Axis) =>
        new Set(slivers.filter(({ ref }) => ref.axis === axis).map(({ ref }) => ref.pair)).size
      if (got('primary') < primarySymbols && got('secondary') < secondarySymbols) {
        const needs = { neededPrimary: primarySymbols, neededSecondary: secondarySymbols }
        const gots = { gotPrimary: got('primary'), gotSecondary: got('secondary') }
        throw new CodecError('TOO_FEW_SLIVERS', 'too few slivers', { ...needs, ...gots })
      }
      return tokenData(blob.nonce, metadata.unencodedLength)
    },
    isMetadata: async metadata => blobs.isMetadata(metadata),
    async verifySliver(metadata, ref, bytes, { signal } = {}) {
      signal?.throwIfAborted()
      const error = blobs.check(metadata, ref, bytes)
      if (error !== undefined) throw error
    },
    async verifySlivers(slivers: readonly SliverOfBlob[], { signal } = {}) {
      signal?.throwIfAborted()
      return slivers.map(({ metadata, ref, bytes }) => blobs.check(metadata, ref, bytes))
    },
    async symbolsFor(crossings, { signal } = {}) {
      signal?.throwIfAborted()
      return crossings.map(({ metadata, source, bytes, targets }): Outcome<SourceSymbols> => {
        const symbols = crossing(expectBlob(metadata), source, targets, bytes)
        return { value: { index: sliverIndex(source, nShards), data: Buffer.concat(symbols) } }
      })
    },
    async recoverSlivers({ metadata, targets, received, signal }) {
      signal?.throwIfAborted()
      const blob = expectBlob(metadata)
      const size = symbolSize(nShards, metadata.unencodedLength)
      return targets.map((target, at) =>
        recover(
          blob,
          target,
          received.map(({ index, data }) => ({ index, data: data.subarray(at * size, (at + 1) * size) })),
        ),
      )
    },
    async recoverSliver({ metadata, target, symbols, verify = true }) {
      const { value, error } = recover(expectBlob(metadata), target, symbols)
      if (value === undefined) throw error
      const wrong = verify ? blobs.check(metadata, target, value) : undefined
      if (wrong !== undefined) throw wrong
      return value
    },
    async recoverySymbols({ metadata, source, bytes, targets, proofs = false }) {
      const path = proofs ? emptyPath(nShards) : []
      return crossing(expectBlob(metadata), source, targets, bytes).map(
        (data): ProvenSymbol => ({ index: sliverIndex(source, nShards), data, path }),
      )
    },
    verifySymbol(metadata, target, { index, data }) {
      const blob = expectBlob(metadata)
      const own = sliverIndex(target, nShards)
      const [row, column] = target.axis === 'primary' ? [own, index] : [index, own]
      if (Buffer.compare(blobs.symbol(blob, row, column, true), data) !== 0)
        throw new CodecError('SYMBOL_MISMATCH', 'not the symbol', { index })
    },
    proveInconsistency: () =>
      Promise.reject(new CodecError('PROOF_INVALID', 'tokens match', { reason: 'right' })),
    verifyInconsistencyProof: () =>
      Promise.reject(new CodecError('PROOF_INVALID', 'tokens match', { reason: 'right' })),
    warm() {},
    async close() {},
  }
}

/** The bytes of a blob. */
export function tokenData(nonce: readonly [number, number], length: number): Uint8Array {
  const data = new Uint8Array(Math.max(TAG_BYTES, length))
  putWord(data, 0, nonce[0])
  putWord(data, 4, nonce[1])
  return data
}

function encoded(blobs: TokenBlobs, blob: TokenBlob): EncodedBlob {
  const sliver = (ref: SliverRef): Uint8Array => blobs.sliver(blob, ref)
  const release = (): void => undefined
  const rootHash = blobIdToBytes(blob.blobId)
  return { metadata: blob.metadata, rootHash, sliver, view: sliver, release, [Symbol.dispose]: release }
}

function emptyPath(nShards: number): Uint8Array[] {
  return Array.from({ length: pathBytes(nShards) / 32 }, () => new Uint8Array(32))
}

/** Of the smallest slivers, of four bytes, no more than the first half counts. */
function tag([a, b]: readonly [number, number], { pair, axis }: SliverRef, isRight: boolean): Uint8Array {
  const bytes = new Uint8Array(TAG_BYTES)
  const name = 2 * pair + (axis === 'primary' ? 0 : 1)
  putWord(bytes, 0, mix(a, b, name, 1) ^ (isRight ? 0 : 1))
  putWord(bytes, 4, mix(a, b, name, 2))
  return bytes
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff
  bytes[at + 1] = (value >>> 8) & 0xff
  bytes[at + 2] = (value >>> 16) & 0xff
  bytes[at + 3] = (value >>> 24) & 0xff
}

/** 32 bits in which each bit of the input counts; no secret. */
function mix(a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 15) ^ b, 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 13) ^ c, 0x27d4eb2f)
  hash = Math.imul(hash ^ (hash >>> 16) ^ d, 0x165667b1)
  return (hash ^ (hash >>> 15)) >>> 0
}
