import type { BlobId, SliverRef } from '../../../codec/types.ts'
import type { AbortOptions, OpenSliver, SliverCheck, SliverStore } from '../../../protocols/ports.ts'
import { openBytes } from './open-bytes.ts'

/** Slivers in memory: for tests and for roles that keep nothing. */
export function memorySliverStore(): SliverStore {
  return new MemorySliverStore()
}

class MemorySliverStore implements SliverStore {
  readonly #blobs = new Map<BlobId, Map<string, { ref: SliverRef; bytes: Uint8Array }>>()

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

  async list(blobId: BlobId): Promise<SliverRef[]> {
    return Array.from(this.#blobs.get(blobId)?.values() ?? [], ({ ref }) => ({ ...ref }))
  }

  async delete(blobId: BlobId): Promise<void> {
    this.#blobs.delete(blobId)
  }
}

const keyOf = ({ axis, pair }: SliverRef): string => `${axis}/${pair}`
