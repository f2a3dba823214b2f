import type { BlobId, BlobMetadata, ShardIndex, SliverPairIndex, SliverRef } from '../../codec/types.ts'
import type { MetadataStore } from '../../node/storage/store/metadata-store.ts'
import { openBytes } from '../../node/storage/store/open-bytes.ts'
import type { CommitOptions } from '../../node/storage/store/records.ts'
import type {
  NewSliver,
  ScrubbedFile,
  ScrubOptions,
  ShardEntry,
  ShardedSliverStore,
  ShardPage,
} from '../../node/storage/store/shard-slivers.ts'
import type { AbortOptions, OpenSliver, SliverCheck } from '../../protocols/ports.ts'
import type { TokenBlob, TokenBlobs } from './tokens.ts'

const PRIMARY = 1
const SECONDARY = 2
/** Behind each of these, whether it is a wrong one, and whether it has decayed since it was written. */
const WRONG = 2
const ROTTEN = 4
const BOTH = PRIMARY | SECONDARY

/** All that is known of a sliver. */
const allOf = (ref: SliverRef): number => bitOf(ref) * (1 | (1 << WRONG) | (1 << ROTTEN))
const bitOf = ({ axis }: SliverRef): number => (axis === 'primary' ? PRIMARY : SECONDARY)

/** Which slivers a disk has: six bits for each blob and shard. */
export class TokenStore implements ShardedSliverStore {
  readonly #blobs: TokenBlobs
  readonly #shards = new Map<ShardIndex, Uint8Array>()
  /** Called with what is durable from then on. */
  onSync: () => void = () => undefined
  /** Called with what was found to have decayed, when it is not there any more. */
  onDamaged: (blobId: BlobId) => Promise<void> = async () => undefined

  constructor(blobs: TokenBlobs) {
    this.#blobs = blobs
  }

  /** Shards of which there may be something. */
  get shards(): Iterable<ShardIndex> {
    return this.#shards.keys()
  }

  /** By blob, the slivers of a shard that are there and right: 1 the primary, 2 the secondary, 3 both. */
  rightOf(shard: ShardIndex): (index: number) => number {
    const written = this.writtenOf(shard)
    const bits = this.#shards.get(shard)
    return index => written(index) & ~((bits?.[index] ?? 0) >> ROTTEN)
  }

  /** The same of many at once. */
  rights(shard: ShardIndex, positions: Int32Array): Uint8Array {
    const rights = new Uint8Array(positions.length)
    const bits = this.#shards.get(shard)
    if (bits === undefined) return rights
    for (let i = 0; i < rights.length; i++) {
      const all = bits[positions[i]!] ?? 0
      rights[i] = all & BOTH & ~(all >> WRONG) & ~(all >> ROTTEN)
    }
    return rights
  }

  /** The same with those that have decayed, and were right. */
  writtenOf(shard: ShardIndex): (index: number) => number {
    const bits = this.#shards.get(shard)
    return index => {
      const all = bits?.[index] ?? 0
      return all & BOTH & ~(all >> WRONG)
    }
  }

  /** Both slivers of a blob in a shard decay, where they are there. */
  rot(shard: ShardIndex, { index }: TokenBlob): void {
    const bits = this.#shards.get(shard)
    if (bits !== undefined && index < bits.length) bits[index]! |= (bits[index]! & BOTH) << ROTTEN
  }

  /** Whether anything has decayed that nobody has found yet. */
  get isRotten(): boolean {
    for (const bits of this.#shards.values()) if (bits.some(all => all >> ROTTEN !== 0)) return true
    return false
  }

  /** The whole shard of a blob, as if it had been there from the beginning. */
  fill(shard: ShardIndex, { index }: TokenBlob): void {
    this.#bits(shard, index)[index] = BOTH
  }

  /** Whether anything of a blob is there. */
  hasAny({ index }: TokenBlob): boolean {
    for (const bits of this.#shards.values()) if (((bits[index] ?? 0) & BOTH) !== 0) return true
    return false
  }

  async has(blobId: BlobId, ref: SliverRef): Promise<boolean> {
    return this.#has(blobId, ref)
  }

  async holds(blobId: BlobId, ref: SliverRef, { signal }: SliverCheck): Promise<boolean> {
    signal.throwIfAborted()
    return this.#has(blobId, ref) && !(await this.#isDamaged(blobId, ref))
  }

  async get(blobId: BlobId, ref: SliverRef, { signal }: AbortOptions = {}): Promise<Uint8Array | undefined> {
    signal?.throwIfAborted()
    const blob = this.#blobs.of(blobId)
    if (blob === undefined) return undefined
    const bits = this.#shards.get(this.#shardOf(blob, ref))?.[blob.index] ?? 0
    if ((bits & bitOf(ref)) === 0 || (await this.#isDamaged(blobId, ref))) return undefined
    return this.#blobs.sliver(blob, ref, (bits & (bitOf(ref) << WRONG)) === 0)
  }

  async open(blobId: BlobId, ref: SliverRef, options?: AbortOptions): Promise<OpenSliver | undefined> {
    const bytes = await this.get(blobId, ref, options)
    return bytes && openBytes(bytes)
  }

  async put(blobId: BlobId, ref: SliverRef, bytes: Uint8Array, options: AbortOptions = {}): Promise<void> {
    await this.putMany([{ blobId, ref, bytes }], options)
  }

  async putMany(slivers: readonly NewSliver[], { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    for (const { blobId, ref, bytes } of slivers) {
      const blob = this.#blobs.of(blobId)
      if (blob === undefined) throw new Error('a sliver of no blob')
      const isWrong = this.#blobs.check(blob.metadata, ref, bytes) !== undefined
      const bits = this.#bits(this.#shardOf(blob, ref), blob.index)
      const others = bits[blob.index]! & ~allOf(ref)
      bits[blob.index] = others | bitOf(ref) | (isWrong ? bitOf(ref) << WRONG : 0)
    }
    this.onSync()
  }

  async list(blobId: BlobId): Promise<SliverRef[]> {
    const blob = this.#blobs.of(blobId)
    if (blob === undefined) return []
    const refs: SliverRef[] = []
    for (const [shard, bits] of this.#shards) refs.push(...this.#refs(blob, shard, bits[blob.index] ?? 0))
    return refs
  }

  async listShard(shard: ShardIndex, { after, limit, signal }: ShardPage): Promise<ShardEntry[]> {
    signal?.throwIfAborted()
    const bits = this.#shards.get(shard)
    const entries: ShardEntry[] = []
    if (bits === undefined) return entries
    const { all, sorted } = this.#blobs
    const start = after === undefined ? 0 : this.#blobs.after(Buffer.from(after, 'base64url').toString('hex'))
    for (let at = start; at < sorted.length && entries.length < limit; at++) {
      const index = sorted[at]!
      if (((bits[index] ?? 0) & BOTH) === 0) continue
      const blob = all[index]!
      entries.push({ blobId: blob.blobId, refs: this.#refs(blob, shard, bits[index]!) })
    }
    return entries
  }

  /** A file for each shard. */
  async *scrub({ after = '', pace, signal }: ScrubOptions): AsyncIterable<ScrubbedFile> {
    for (const shard of [...this.#shards.keys()].sort((a, b) => a - b)) {
      const file = String(shard).padStart(5, '0')
      if (file <= after) continue
      let slivers = 0
      for (const bits of this.#shards.get(shard)!) slivers += (bits & 1) + ((bits >> 1) & 1)
      await pace(slivers)
      signal.throwIfAborted()
      const bad = await this.#damages(shard)
      yield { file, slivers, bytes: slivers, bad, untold: false }
    }
  }

  /** How many of a shard's slivers have decayed: they are not there any more. */
  async #damages(shard: ShardIndex): Promise<number> {
    const found: [TokenBlob, SliverRef][] = []
    const kept = this.#shards.get(shard) ?? new Uint8Array()
    for (let index = 0; index < kept.length; index++) {
      const all = kept[index]!
      if (all >> ROTTEN === 0) continue
      const blob = this.#blobs.all[index]!
      for (const ref of this.#refs(blob, shard, all >> ROTTEN)) found.push([blob, ref])
    }
    for (const [{ blobId }, ref] of found) await this.#isDamaged(blobId, ref)
    return found.length
  }

  /** Whether a sliver has decayed: it is not there any more then. */
  async #isDamaged(blobId: BlobId, ref: SliverRef): Promise<boolean> {
    const blob = this.#blobs.of(blobId)!
    const bits = this.#shards.get(this.#shardOf(blob, ref))!
    if ((bits[blob.index]! & (bitOf(ref) << ROTTEN)) === 0) return false
    bits[blob.index]! &= ~allOf(ref)
    await this.onDamaged(blobId)
    return true
  }

  async *scrubUntold(): AsyncIterable<ScrubbedFile> {}

  async delete(blobId: BlobId): Promise<void> {
    const blob = this.#blobs.of(blobId)
    if (blob === undefined) return
    for (const bits of this.#shards.values()) if (blob.index < bits.length) bits[blob.index] = 0
  }

  async deleteShard(shard: ShardIndex, { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    this.#shards.delete(shard)
  }

  #has(blobId: BlobId, ref: SliverRef): boolean {
    const blob = this.#blobs.of(blobId)
    if (blob === undefined) return false
    return ((this.#shards.get(this.#shardOf(blob, ref))?.[blob.index] ?? 0) & bitOf(ref)) !== 0
  }

  #shardOf({ firstPair }: TokenBlob, { pair }: SliverRef): ShardIndex {
    const { nShards } = this.#blobs
    return ((pair + nShards - firstPair) % nShards) as ShardIndex
  }

  #refs({ firstPair }: TokenBlob, shard: ShardIndex, bits: number): SliverRef[] {
    const pair = ((shard + firstPair) % this.#blobs.nShards) as SliverPairIndex
    const refs: SliverRef[] = []
    if ((bits & PRIMARY) !== 0) refs.push({ pair, axis: 'primary' })
    if ((bits & SECONDARY) !== 0) refs.push({ pair, axis: 'secondary' })
    return refs
  }

  #bits(shard: ShardIndex, index: number): Uint8Array {
    const bits = this.#shards.get(shard)
    if (bits !== undefined && index < bits.length) return bits
    const grown = new Uint8Array(Math.max(64, 2 ** Math.ceil(Math.log2(index + 1))))
    if (bits !== undefined) grown.set(bits)
    this.#shards.set(shard, grown)
    return grown
  }
}

/** Of which blobs a disk has the metadata: a bit for each. */
export class TokenMetadata implements MetadataStore {
  readonly #blobs: TokenBlobs
  #has = new Uint8Array(64)
  count = 0
  onSync: () => void = () => undefined

  constructor(blobs: TokenBlobs) {
    this.#blobs = blobs
  }

  hasBlob({ index }: TokenBlob): boolean {
    return this.hasAt(index)
  }

  hasAt(index: number): boolean {
    return this.#has[index] === 1
  }

  fill({ index }: TokenBlob): void {
    if (index >= this.#has.length) {
      const grown = new Uint8Array(2 * Math.max(index, this.#has.length))
      grown.set(this.#has)
      this.#has = grown
    }
    if (this.#has[index] === 1) return
    this.#has[index] = 1
    this.count++
  }

  async get(blobId: BlobId): Promise<BlobMetadata | undefined> {
    const blob = this.#blobs.of(blobId)
    return blob !== undefined && this.hasBlob(blob) ? blob.metadata : undefined
  }

  async put({ blobId }: BlobMetadata, { sync = true }: CommitOptions = {}): Promise<void> {
    const blob = this.#blobs.of(blobId)
    if (blob === undefined) throw new Error('metadata of no blob')
    this.fill(blob)
    if (sync) this.onSync()
  }

  async delete(blobId: BlobId): Promise<void> {
    const blob = this.#blobs.of(blobId)
    if (blob === undefined || !this.hasBlob(blob)) return
    this.#has[blob.index] = 0
    this.count--
  }
}
