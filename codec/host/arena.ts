import { orOutOfMemory } from './memory.ts'

const PAGE = 65_536
/** 4 GiB, what WebAssembly addresses; must match kernel/build.ts */
const MAXIMUM_PAGES = 65_536
const INITIAL_PAGES = 4
/** What lies below belongs to the compiler. */
const FIRST_FREE = PAGE

/** Two i32 that threads share: the next unit of work to take, and whether to stop after the one in hand. */
export const CONTROL_NEXT = 0
export const CONTROL_STOP = 1
export const CONTROL_ADDRESS = FIRST_FREE
const CONTROL_BYTES = 64

/** The memory of one job at a time. It only grows; jobs divide it anew. */
export class Arena {
  readonly memory: WebAssembly.Memory
  readonly id: number
  #bytes: Uint8Array

  /** Throws OUT_OF_MEMORY. */
  constructor(id: number, shared: boolean) {
    this.id = id
    this.memory = orOutOfMemory(
      INITIAL_PAGES * PAGE,
      () => new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES, shared }),
    )
    this.#bytes = new Uint8Array(this.memory.buffer)
  }

  /** All of the memory. Take it anew after every await: growing replaces it. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.memory.buffer) this.#bytes = new Uint8Array(this.memory.buffer)
    return this.#bytes
  }

  get capacity(): number {
    return this.memory.buffer.byteLength
  }

  get control(): Int32Array {
    return new Int32Array(this.memory.buffer, CONTROL_ADDRESS, 2)
  }

  u32(address: number, length: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, address, length)
  }

  u16(address: number, length: number): Uint16Array {
    return new Uint16Array(this.memory.buffer, address, length)
  }

  /** Throws OUT_OF_MEMORY. */
  ensure(bytes: number): void {
    const pages = Math.ceil((bytes - this.capacity) / PAGE)
    if (pages <= 0) return
    orOutOfMemory(bytes, () => this.memory.grow(pages))
  }
}

/** Divides an arena: addresses are taken one after the other, the size is known at the end. */
export class Allotment {
  #next = FIRST_FREE + CONTROL_BYTES

  /** An address for `bytes` bytes. */
  take(bytes: number, alignment = 64): number {
    const address = Math.ceil(this.#next / alignment) * alignment
    this.#next = address + bytes
    return address
  }

  /** Bytes of memory that everything taken needs, with room for reads that overrun. */
  get size(): number {
    return this.#next + 256
  }
}
