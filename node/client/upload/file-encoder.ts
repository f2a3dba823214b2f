import { createHash } from 'node:crypto'
import { type FileHandle, open, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readAt, writeAt } from '../../../base/file-at.ts'
import { createSemaphore } from '../../../base/semaphore.ts'
import {
  type BlobCodec,
  decodeMetadata,
  encodeMetadata,
  metadataRoot,
  type SliverFiles,
  sliverLength,
  verifyMetadata,
} from '../../../codec/index.ts'
import type { BlobMetadata, SliverRef } from '../../../codec/types.ts'
import type { OutgoingSliver } from '../../../protocols/index.ts'
import { disposable, type Encoded, type EncodeOptions, type Encoding } from './encoding.ts'
import { type Scratch, type ScratchFolder, WHOLE_FILE } from './scratch.ts'
import type { Source } from './source.ts'

/** Encodes blobs into the scratch, where a second try finds them again. */
export class FileEncoder {
  readonly #codec: Pick<BlobCodec, 'encodeStream'>
  readonly #scratch: Scratch
  /** One after the other: each takes some 300 MiB of memory, and all of the disk. */
  readonly #encoding = createSemaphore(1)

  constructor(codec: Pick<BlobCodec, 'encodeStream'>, scratch: Scratch) {
    this.#codec = codec
    this.#scratch = scratch
  }

  /** Dispose of it. Throws as the codec, node's file errors, or the signal's reason. */
  async encode(source: Source, nShards: number, { signal, onProgress }: EncodeOptions): Promise<Encoding> {
    const hold = await this.#encoding.take(1, signal)
    try {
      return await this.#encode(source, nShards, signal, (done, total) =>
        onProgress?.({ phase: 'encode', done, total }),
      )
    } finally {
      hold.release()
    }
  }

  /** Leaves nothing on the disk. Throws as `encode`. */
  async metadata(
    source: Source,
    nShards: number,
    { signal }: Pick<EncodeOptions, 'signal'>,
  ): Promise<BlobMetadata> {
    const hold = await this.#encoding.take(1, signal)
    try {
      await using blob = await source.open()
      const folder = await this.#scratch.make('metadata')
      try {
        await using slivers = await SliverFile.create(folder, nShards, blob.length)
        return (await this.#codec.encodeStream({ source: blob, nShards, slivers, keep: false, signal }))
          .metadata
      } finally {
        await folder.remove()
      }
    } finally {
      hold.release()
    }
  }

  async #encode(
    source: Source,
    nShards: number,
    signal: AbortSignal,
    onProgress: (done: number, total: number) => void,
  ): Promise<Encoding> {
    await using blob = await source.open()
    const { length, identity } = blob
    const key = createHash('sha256')
      .update(`${nShards} ${identity ?? crypto.randomUUID()}`)
      .digest('hex')
    const left = identity === undefined ? undefined : await this.#resume(key, nShards, length)
    if (left !== undefined) {
      onProgress(1, 1)
      return left
    }
    const folder = await this.#scratch.make(key)
    try {
      await this.#scratch.expectRoom(SliverFile.size(nShards, length))
      const slivers = await SliverFile.create(folder, nShards, length)
      try {
        const encoded = await this.#codec.encodeStream({ source: blob, nShards, slivers, signal, onProgress })
        if (identity !== undefined) {
          // what is called whole must be so after a power cut, too
          await slivers.sync()
          const path = join(folder.path, WHOLE_FILE)
          await writeFile(`${path}.new`, encodeMetadata(encoded.metadata), { mode: 0o600 })
          await rename(`${path}.new`, path)
        }
        return inFile(encoded, slivers, folder, identity !== undefined)
      } catch (error) {
        await slivers.close()
        throw error
      }
    } catch (error) {
      await folder.remove()
      signal.throwIfAborted()
      throw error
    }
  }

  /** What an earlier try has encoded, when it is whole. */
  async #resume(key: string, nShards: number, length: number): Promise<Encoding | undefined> {
    const folder = await this.#scratch.takeOver(key)
    if (folder === undefined) return undefined
    try {
      const metadata = decodeMetadata(await readFile(join(folder.path, WHOLE_FILE)), nShards)
      verifyMetadata(metadata)
      if (metadata.unencodedLength !== length) throw new Error('of another length')
      const slivers = await SliverFile.open(folder, nShards, length)
      return inFile({ metadata, rootHash: metadataRoot(metadata) }, slivers, folder, true)
    } catch {
      // not whole after all
      await folder.remove()
      return undefined
    }
  }
}

function inFile(
  { metadata, rootHash }: Omit<Encoded, 'sliver'>,
  slivers: SliverFile,
  folder: ScratchFolder,
  keepable: boolean,
): Encoding {
  return disposable({ metadata, rootHash, sliver: ref => slivers.outgoing(ref) }, async kept => {
    await slivers.close()
    await (kept && keepable ? folder.leave() : folder.remove())
  })
}

const SLIVERS_FILE = 'slivers.bin'

/** All slivers of a blob in one file: the primary ones in the order of their pairs, then the secondary ones. */
class SliverFile implements SliverFiles, AsyncDisposable {
  readonly #path: string
  readonly #handle: FileHandle
  readonly #nShards: number
  readonly #lengths: Record<SliverRef['axis'], number>

  private constructor(path: string, handle: FileHandle, nShards: number, length: number) {
    this.#path = path
    this.#handle = handle
    this.#nShards = nShards
    this.#lengths = {
      primary: sliverLength(nShards, length, 'primary'),
      secondary: sliverLength(nShards, length, 'secondary'),
    }
  }

  /** bytes */
  static size(nShards: number, length: number): number {
    return nShards * (sliverLength(nShards, length, 'primary') + sliverLength(nShards, length, 'secondary'))
  }

  static async create({ path: folder }: ScratchFolder, nShards: number, length: number): Promise<SliverFile> {
    const path = join(folder, SLIVERS_FILE)
    return new SliverFile(path, await open(path, 'wx+', 0o600), nShards, length)
  }

  static async open({ path: folder }: ScratchFolder, nShards: number, length: number): Promise<SliverFile> {
    const path = join(folder, SLIVERS_FILE)
    const handle = await open(path, 'r')
    const { size } = await handle.stat()
    if (size === SliverFile.size(nShards, length)) return new SliverFile(path, handle, nShards, length)
    await handle.close()
    throw new Error(`${path} has another size`)
  }

  async read(ref: SliverRef, offset: number, target: Uint8Array): Promise<void> {
    await readAt(this.#handle, this.#path, this.#start(ref) + offset, target)
  }

  async write(ref: SliverRef, offset: number, bytes: Uint8Array): Promise<void> {
    await writeAt(this.#handle, this.#path, this.#start(ref) + offset, bytes)
  }

  outgoing(ref: SliverRef): OutgoingSliver {
    const length = this.#lengths[ref.axis]
    const read = this.read.bind(this)
    return {
      length,
      async *slices(sliceBytes) {
        for (let at = 0; at < length; at += sliceBytes) {
          // new memory for each: the one before may still be under way
          const slice = Buffer.allocUnsafeSlow(Math.min(sliceBytes, length - at))
          await read(ref, at, slice)
          yield slice
        }
      },
    }
  }

  async sync(): Promise<void> {
    await this.#handle.datasync()
  }

  async close(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #start({ axis, pair }: SliverRef): number {
    const { primary, secondary } = this.#lengths
    return axis === 'primary' ? pair * primary : this.#nShards * primary + pair * secondary
  }
}
