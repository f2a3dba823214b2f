import { pairOfShard } from '../../../codec/index.ts'
import type { BlobId, ShardIndex, SliverRef } from '../../../codec/types.ts'
import type { AbortOptions, OpenSliver, SliverCheck } from '../../../protocols/ports.ts'
import { openBytes } from './open-bytes.ts'
import type {
  NewSliver,
  ScrubbedFile,
  ScrubOptions,
  ShardEntry,
  ShardedSliverStore,
  ShardPage,
} from './shard-slivers.ts'

/** Slivers in memory: for tests and for roles that keep nothing. The number of shards matters to what asks by shard. */
export function memorySliverStore(nShards = 10): ShardedSliverStore {
  return new MemorySliverStore(nShards)
}

class MemorySliverStore implements ShardedSliverStore {
  readonly #nShards: number
  readonly #blobs = new Map<BlobId, Map<string, { ref: SliverRef; bytes: Uint8Array }>>()

  constructor(nShards: number) {
    this.#nShards = nShards
  }

  async has(blobId: BlobId, ref: SliverRef): Promise<boolean> {
    return this.#blobs.get(blobId)?.has(keyOf(ref)) ?? false
  }

  async holds(blobId: BlobId, ref: SliverRef, { signal }: SliverCheck): Promise<boolean> {
    signal.throwIfAborted()
    return this.has(blobId, ref)
  }

  async get(blobId: BlobId, ref: SliverRef, { signal }: AbortOptions = {}): Promise<Uint8Array | undefined> {
    signal?.throwIfAborted()
    return this.#blobs.get(blobId)?.get(keyOf(ref))?.bytes.slice()
  }

  async open(blobId: BlobId, ref: SliverRef, options?: AbortOptions): Promise<OpenSliver | undefined> {
    const bytes = await this.get(blobId, ref, options)
    return bytes && openBytes(bytes)
  }

  async put(blobId: BlobId, ref: SliverRef, bytes: Uint8Array, { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    const slivers = this.#blobs.get(blobId) ?? new Map()
    this.#blobs.set(blobId, slivers.set(keyOf(ref), { ref: { ...ref }, bytes: bytes.slice() }))
  }

  async putMany(slivers: readonly NewSliver[], options?: AbortOptions): Promise<void> {
    for (const { blobId, ref, bytes } of slivers) await this.put(blobId, ref, bytes, options)
  }

  async listShard(
    shard: ShardIndex,
    { after = '' as BlobId, limit, signal }: ShardPage,
  ): Promise<ShardEntry[]> {
    signal?.throwIfAborted()
    const order = (blobId: BlobId): string => Buffer.from(blobId, 'base64url').toString('hex')
    const entries: ShardEntry[] = []
    for (const blobId of [...this.#blobs.keys()].sort((a, b) => (order(a) < order(b) ? -1 : 1))) {
      if (entries.length >= limit) break
      if (order(blobId) <= order(after)) continue
      const pair = pairOfShard(shard, blobId, this.#nShards)
      const refs = (await this.list(blobId)).filter(ref => ref.pair === pair)
      if (refs.length > 0) entries.push({ blobId, refs })
    }
    return entries
  }

  async deleteShard(shard: ShardIndex, { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    for (const [blobId, slivers] of this.#blobs) {
      const pair = pairOfShard(shard, blobId, this.#nShards)
      for (const [key, { ref }] of slivers) if (ref.pair === pair) slivers.delete(key)
    }
  }

  /** Each blob counts as a file; nothing decays in memory. */
  async *scrub({ after = '', pace, signal }: ScrubOptions): AsyncIterable<ScrubbedFile> {
    for (const [blobId, slivers] of [...this.#blobs].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (blobId <= after) continue
      let bytes = 0
      for (const { bytes: one } of slivers.values()) {
        await pace(one.length)
        signal.throwIfAborted()
        bytes += one.length
      }
      yield { file: blobId, slivers: slivers.size, bytes, bad: 0, untold: false }
    }
  }

  async *scrubUntold(): AsyncIterable<ScrubbedFile> {}

  async list(blobId: BlobId): Promise<SliverRef[]> {
    return Array.from(this.#blobs.get(blobId)?.values() ?? [], ({ ref }) => ({ ...ref }))
  }

  async delete(blobId: BlobId): Promise<void> {
    this.#blobs.delete(blobId)
  }
}

const keyOf = ({ axis, pair }: SliverRef): string => `${axis}/${pair}`
