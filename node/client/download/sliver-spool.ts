import { type BlobTarget, sliverFrame, sliverLength } from '../../../codec/index.ts'
import type { BlobMetadata, SliverPairIndex, SliverRef } from '../../../codec/types.ts'
import type { RowSpool } from './recover-rows.ts'

/** Bytes at places of their own; what was not written is zero. */
export interface SpoolBytes extends AsyncDisposable {
  /** Fills all of `target`. */
  read(at: number, target: Uint8Array): Promise<void>
  write(at: number, bytes: Uint8Array): Promise<void>
}

/** Primary slivers of one blob, each at its own place. */
export class SliverSpool implements RowSpool {
  /** slivers that were put */
  readonly pairs = new Set<SliverPairIndex>()
  readonly #bytes: SpoolBytes
  readonly #metadata: BlobMetadata
  readonly #sliverBytes: number

  /** The bytes are its own from here on. */
  constructor(bytes: SpoolBytes, metadata: BlobMetadata) {
    this.#bytes = bytes
    this.#metadata = metadata
    this.#sliverBytes = sliverLength(metadata.nShards, metadata.unencodedLength, 'primary')
  }

  /** Keeps a sliver that was verified. */
  async put(pair: SliverPairIndex, bytes: Uint8Array): Promise<void> {
    await this.#bytes.write(pair * this.#sliverBytes, bytes)
    this.pairs.add(pair)
  }

  async read({ pair }: Pick<SliverRef, 'pair'>, offset: number, target: Uint8Array): Promise<void> {
    await this.#bytes.read(pair * this.#sliverBytes + offset, target)
  }

  /** A source row in BCS: as it was put, or as `target` was given it. */
  async row(pair: SliverPairIndex): Promise<Uint8Array> {
    const bytes = new Uint8Array(this.#sliverBytes)
    await this.read({ pair }, 0, bytes)
    if (this.pairs.has(pair)) return bytes
    const { header, trailer } = sliverFrame(this.#metadata, { pair, axis: 'primary' })
    bytes.set(header)
    bytes.set(trailer, bytes.length - trailer.length)
    return bytes
  }

  /** Takes the rows of the decoded blob that were not put. A write does not go beyond a row. */
  target(): BlobTarget {
    const { header, bodyBytes } = sliverFrame(this.#metadata, { pair: 0 as SliverPairIndex, axis: 'primary' })
    return {
      read: () => Promise.reject(new Error('what was decoded is verified row by row')),
      write: async (offset, bytes) => {
        const pair = Math.floor(offset / bodyBytes) as SliverPairIndex
        if (this.pairs.has(pair)) return
        await this.#bytes.write(pair * this.#sliverBytes + header.length + (offset % bodyBytes), bytes)
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bytes[Symbol.asyncDispose]()
  }
}
