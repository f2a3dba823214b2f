import { type FileHandle, open } from 'node:fs/promises'
import type { BlobSource, BlobTarget } from '../../../codec/index.ts'
import { READ_FLAGS } from '../input.ts'
import { nameFile } from './name-file.ts'

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
    let done = 0
    while (done < target.length) {
      const reading = this.#handle.read(target, done, target.length - done, offset + done)
      const { bytesRead } = await nameFile(this.#path, reading)
      if (bytesRead === 0)
        throw Object.assign(new Error(`${this.#path} has become shorter`), { code: 'EIO', path: this.#path })
      done += bytesRead
    }
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    let done = 0
    while (done < bytes.length) {
      done += (
        await nameFile(this.#path, this.#handle.write(bytes, done, bytes.length - done, offset + done))
      ).bytesWritten
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }
}
