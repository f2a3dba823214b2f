import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readAt, writeAt } from '../../../base/file-at.ts'
import { type BlobSource, type BlobTarget, type SliverFiles, sliverLength } from '../../../codec/index.ts'
import type { BlobMetadata, SliverRef } from '../../../codec/types.ts'

/** A folder for what is decoded for what is missing of it, on the store's disk. */
export interface DecodingScratch {
  /** A new file. Disposing of it removes it. */
  file(): Promise<ScratchFile>
}

export interface ScratchFile extends BlobTarget, AsyncDisposable {}

/** What a kill left in the folder is removed. Throws node's file errors. */
export async function openDecodingScratch(path: string): Promise<DecodingScratch> {
  await rm(path, { recursive: true, force: true })
  await mkdir(path, { recursive: true, mode: 0o700 })
  return {
    async file() {
      const name = join(path, randomBytes(8).toString('hex'))
      return scratchFile(name, await open(name, 'wx+', 0o600))
    },
  }
}

function scratchFile(path: string, handle: FileHandle): ScratchFile {
  return {
    read: (offset, target) => readAt(handle, path, offset, target),
    write: (offset, bytes) => writeAt(handle, path, offset, bytes),
    async [Symbol.asyncDispose]() {
      try {
        await handle.close()
      } finally {
        await rm(path, { force: true })
      }
    },
  }
}

/** Some slivers of a blob in a file, each in a place of its own, in the order in which they are taken in. */
export class SliversInFile implements SliverFiles {
  readonly #file: BlobTarget
  readonly #lengths: Record<SliverRef['axis'], number>
  readonly #places = new Map<string, { ref: SliverRef; at: number }>()
  #end = 0

  constructor(file: BlobTarget, { nShards, unencodedLength }: BlobMetadata) {
    this.#file = file
    this.#lengths = {
      primary: sliverLength(nShards, unencodedLength, 'primary'),
      secondary: sliverLength(nShards, unencodedLength, 'secondary'),
    }
  }

  get refs(): SliverRef[] {
    return [...this.#places.values()].map(({ ref }) => ref)
  }

  /** Gives a sliver a place; those that have none are not kept. */
  take(ref: SliverRef): void {
    const key = `${ref.axis}/${ref.pair}`
    if (this.#places.has(key)) return
    this.#places.set(key, { ref, at: this.#end })
    this.#end += this.#lengths[ref.axis]
  }

  async read(ref: SliverRef, offset: number, target: Uint8Array): Promise<void> {
    const at = this.#at(ref)
    if (at === undefined) throw new RangeError(`${ref.axis} sliver ${ref.pair} is not kept`)
    await this.#file.read(at + offset, target)
  }

  async write(ref: SliverRef, offset: number, bytes: Uint8Array): Promise<void> {
    const at = this.#at(ref)
    if (at !== undefined) await this.#file.write(at + offset, bytes)
  }

  async whole(ref: SliverRef): Promise<Uint8Array> {
    const bytes = new Uint8Array(this.#lengths[ref.axis])
    await this.read(ref, 0, bytes)
    return bytes
  }

  #at({ axis, pair }: SliverRef): number | undefined {
    return this.#places.get(`${axis}/${pair}`)?.at
  }
}

/** A blob that was decoded into a file. */
export const sourceOf = (file: BlobTarget, length: number): BlobSource => ({
  length,
  read: (offset, target) => file.read(offset, target),
})
