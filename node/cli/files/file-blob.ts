import { type FileHandle, open } from 'node:fs/promises'
import { readAt, writeAt } from '../../../base/file-at.ts'
import type { BlobSource, BlobTarget } from '../../../codec/index.ts'
import { READ_FLAGS } from '../input.ts'

/** A file as the codec streams it. */
export class FileBlob implements BlobSource, BlobTarget {
  readonly length: number
  readonly #handle: FileHandle
  readonly #path: string

  private constructor(handle: FileHandle, path: string, length: number) {
    this.#handle = handle
    this.#path = path
    this.length = length
  }

  /** Opens a regular file to read; throws node's file errors, with the path. */
  static async open(path: string): Promise<FileBlob> {
    const handle = await open(path, READ_FLAGS)
    const stat = await handle.stat()
    if (stat.isFile()) return new FileBlob(handle, path, stat.size)
    await handle.close()
    // a pipe cannot be read twice
    throw Object.assign(new Error(`${path} is not a file`), {
      code: stat.isDirectory() ? 'EISDIR' : 'ESPIPE',
      path,
    })
  }

  /** Creates a file that must not exist, to write and read. */
  static async create(path: string, length: number): Promise<FileBlob> {
    return new FileBlob(await open(path, 'wx+'), path, length)
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    await readAt(this.#handle, this.#path, offset, target)
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    await writeAt(this.#handle, this.#path, offset, bytes)
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}
