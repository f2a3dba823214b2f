import type { BlobSource, BlobTarget, SliverFiles, SliverRef } from '../../../codec/index.ts'

const key = ({ pair, axis }: SliverRef) => `${axis}-${pair}`

/** Slivers in memory that grow as they are written. */
export class MemorySlivers implements SliverFiles {
  readonly files = new Map<string, Uint8Array>()

  async read(ref: SliverRef, offset: number, target: Uint8Array): Promise<void> {
    const file = this.files.get(key(ref))
    if (file === undefined || offset + target.length > file.length)
      throw new Error(`short read of ${key(ref)}`)
    target.set(file.subarray(offset, offset + target.length))
  }

  async write(ref: SliverRef, offset: number, bytes: Uint8Array): Promise<void> {
    const old = this.files.get(key(ref)) ?? new Uint8Array()
    const file = new Uint8Array(Math.max(old.length, offset + bytes.length))
    file.set(old)
    file.set(bytes, offset)
    this.files.set(key(ref), file)
  }

  get(ref: SliverRef): Uint8Array | undefined {
    return this.files.get(key(ref))
  }
}

export class MemoryBlob implements BlobSource, BlobTarget {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get length(): number {
    return this.bytes.length
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    if (offset + target.length > this.bytes.length) throw new Error('read behind the end')
    target.set(this.bytes.subarray(offset, offset + target.length))
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.bytes.set(bytes, offset)
  }
}

/** A blob of which one byte is another as soon as all of it has been read once. */
export class ChangingBlob extends MemoryBlob {
  readonly #at: number
  #unread: number

  constructor(bytes: Uint8Array, at: number) {
    super(bytes)
    this.#at = at
    this.#unread = bytes.length
  }

  override async read(offset: number, target: Uint8Array): Promise<void> {
    await super.read(offset, target)
    const unread = this.#unread
    this.#unread -= target.length
    if (unread > 0 && this.#unread <= 0) this.bytes[this.#at]! ^= 1
  }
}
