import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BlobTarget, type SliverFiles, sliverFrame, sliverLength } from '../../../codec/index.ts'
import type { BlobMetadata, SliverPairIndex, SliverRef } from '../../../codec/types.ts'

/**
 * Primary slivers of one blob in one sparse file, each at its own place. Where the system allows it, the file has no name
 * while it is used, so that whatever ends the process leaves nothing behind.
 */
export class SliverSpool implements Pick<SliverFiles, 'read'>, AsyncDisposable {
  /** slivers that were put */
  readonly pairs = new Set<SliverPairIndex>()
  readonly #file: FileHandle
  readonly #folder: string
  readonly #metadata: BlobMetadata
  readonly #sliverBytes: number

  private constructor(file: FileHandle, folder: string, metadata: BlobMetadata) {
    this.#file = file
    this.#folder = folder
    this.#metadata = metadata
    this.#sliverBytes = sliverLength(metadata.nShards, metadata.unencodedLength, 'primary')
  }

  /** In the system's folder for temporary files. Throws node's file errors. */
  static async create(metadata: BlobMetadata): Promise<SliverSpool> {
    const folder = await mkdtemp(join(tmpdir(), 'floe-read-'))
    try {
      const file = await open(join(folder, 'slivers'), 'wx+', 0o600)
      // a system that keeps the names of open files has it removed at the end
      await rm(folder, { recursive: true, force: true }).catch(() => undefined)
      return new SliverSpool(file, folder, metadata)
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Keeps a sliver that was verified. */
  async put(pair: SliverPairIndex, bytes: Uint8Array): Promise<void> {
    await this.#write(pair * this.#sliverBytes, bytes)
    this.pairs.add(pair)
  }

  async read({ pair }: Pick<SliverRef, 'pair'>, offset: number, target: Uint8Array): Promise<void> {
    const at = pair * this.#sliverBytes + offset
    for (let done = 0; done < target.length; ) {
      const { bytesRead } = await this.#file.read(target, done, target.length - done, at + done)
      // behind the last byte written: the padding of a blob
      if (bytesRead === 0) return void target.fill(0, done)
      done += bytesRead
    }
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
        await this.#write(pair * this.#sliverBytes + header.length + (offset % bodyBytes), bytes)
      },
    }
  }

  async #write(at: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, at + done)
      done += bytesWritten
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
