import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import { readAt, writeAt } from '../../../base/file-at.ts'
import { createReceiveBuffers, type ReceiveBuffers } from './receive-buffers.ts'
import type { SliverVerifier } from './verifier.ts'

/** What of each sliver is in memory while it arrives: all of a small one. What is beyond is in a file. */
export const ARRIVAL_MEMORY_BYTES = 1024 * 1024

export interface ArrivalsInit {
  /** a folder of their own on the store's disk; what a kill left in it is removed. When absent, all is in memory */
  path?: string
  /** Throws when the disk has no room for so many bytes more. */
  expectRoom: (bytes: number) => Promise<void>
  verifier: Pick<SliverVerifier, 'inTurn'>
  clock: Clock
  /** ARRIVAL_MEMORY_BYTES when absent */
  memoryBytes?: number
}

/** Where slivers are until they have come as a whole. How many bytes may be on their way is their senders' quotas' to say. */
export interface Arrivals {
  /** A place for a sliver of so many bytes. Close it, however it goes. */
  begin(length: number): Promise<Arrival>
}

export interface Arrival {
  /** Whether all bytes have come. */
  readonly isWhole: boolean
  /** The next bytes; they may be overwritten once it is over. Throws node's file errors, or RangeError beyond the length. */
  write(bytes: Uint8Array): Promise<void> | void
  /** Works on all of them, in memory, when it is their turn. Afterwards they may be overwritten. */
  whole<T>(signal: AbortSignal, work: (bytes: Uint8Array) => Promise<T>): Promise<T>
  /** Gives everything back. Idempotent. */
  close(): Promise<void>
}

export async function openArrivals(init: ArrivalsInit): Promise<Arrivals> {
  const { path, expectRoom, verifier } = init
  const { memoryBytes = path === undefined ? Number.POSITIVE_INFINITY : ARRIVAL_MEMORY_BYTES } = init
  if (path !== undefined) {
    await rm(path, { recursive: true, force: true })
    await mkdir(path, { recursive: true, mode: 0o700 })
  }
  const buffers = createReceiveBuffers(init.clock)
  let inFiles = 0

  return {
    async begin(length) {
      const name = path === undefined ? '' : join(path, randomBytes(8).toString('hex'))
      const buffer = Math.min(length, memoryBytes)
      const spooled = length > memoryBytes ? length : 0
      inFiles += spooled
      const onClose = () => {
        inFiles -= spooled
      }
      try {
        // all that are on their way may still grow to their length, and each is written once more when it is verified
        if (spooled > 0) await expectRoom(inFiles)
      } catch (error) {
        onClose()
        throw error
      }
      return new SpooledArrival({ length, name, buffers, verifier, onClose }, buffers.take(buffer))
    },
  }
}

interface SpooledArrivalInit extends Pick<ArrivalsInit, 'verifier'> {
  length: number
  /** of the file, if it needs one */
  name: string
  buffers: ReceiveBuffers
  onClose: () => void
}

/** The last bytes in a buffer, those before in a file, which begins when the buffer is full and more comes. */
class SpooledArrival implements Arrival {
  readonly #init: SpooledArrivalInit
  readonly #buffer: Uint8Array
  #filled = 0
  #file: FileHandle | undefined
  /** bytes in the file */
  #spooled = 0
  #closing: Promise<void> | undefined

  constructor(init: SpooledArrivalInit, buffer: Uint8Array) {
    this.#init = init
    this.#buffer = buffer
  }

  get isWhole(): boolean {
    return this.#spooled + this.#filled === this.#init.length
  }

  write(bytes: Uint8Array): Promise<void> | void {
    if (this.#spooled + this.#filled + bytes.length > this.#init.length)
      throw new RangeError('more bytes than the sliver has')
    if (this.#filled + bytes.length > this.#buffer.length) return this.#writeAll(bytes)
    this.#keep(bytes)
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#filled === this.#buffer.length) await this.#spool()
      const part = bytes.subarray(at, at + this.#buffer.length - this.#filled)
      this.#keep(part)
      at += part.length
    }
  }

  #keep(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  async #spool(): Promise<void> {
    const { name } = this.#init
    this.#file ??= await open(name, 'wx+', 0o600)
    await writeAt(this.#file, name, this.#spooled, this.#buffer.subarray(0, this.#filled))
    this.#spooled += this.#filled
    this.#filled = 0
  }

  whole<T>(signal: AbortSignal, work: (bytes: Uint8Array) => Promise<T>): Promise<T> {
    const { length, verifier } = this.#init
    return verifier.inTurn(length, signal, () => {
      const file = this.#file
      return file === undefined ? work(this.#buffer) : this.#readBack(file, work)
    })
  }

  async #readBack<T>(file: FileHandle, work: (bytes: Uint8Array) => Promise<T>): Promise<T> {
    const { name, length, buffers } = this.#init
    const bytes = buffers.take(length)
    try {
      await readAt(file, name, 0, bytes.subarray(0, this.#spooled))
      bytes.set(this.#buffer.subarray(0, this.#filled), this.#spooled)
      return await work(bytes)
    } finally {
      buffers.give(bytes)
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { name, buffers, onClose } = this.#init
    buffers.give(this.#buffer)
    try {
      await this.#file?.close()
    } finally {
      if (this.#file !== undefined) await rm(name, { force: true })
      onClose()
    }
  }
}
