import { Arena } from './arena.ts'

/** How long unused memory is kept for the next call. */
const IDLE_MS = 10_000
/** Calls that overlap need one arena each; more than this many are not kept. */
const MAX_FREE = 4

/** Memory that is reused from call to call, and given back after idling. */
export class ArenaStore {
  readonly #shared: boolean
  readonly #onDrop: (arena: Arena) => void
  readonly #idleMs: number
  readonly #free: Arena[] = []
  #count = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor(shared: boolean, onDrop: (arena: Arena) => void, idleMs = IDLE_MS) {
    this.#shared = shared
    this.#onDrop = onDrop
    this.#idleMs = idleMs
  }

  /** An arena of at least so many bytes: the smallest free one that suffices, else the largest, grown. */
  acquire(bytes: number): Arena {
    this.#free.sort((a, b) => a.capacity - b.capacity)
    const at = this.#free.findIndex(arena => arena.capacity >= bytes)
    const arena =
      (at >= 0 ? this.#free.splice(at, 1)[0] : this.#free.pop()) ?? new Arena(this.#count++, this.#shared)
    try {
      arena.ensure(bytes)
    } catch (error) {
      this.release(arena)
      throw error
    }
    return arena
  }

  release(arena: Arena): void {
    this.#free.push(arena)
    if (this.#closed || this.#free.length > MAX_FREE) this.#drop(1)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#drop(this.#free.length), this.#idleMs)
    // an idle codec must not keep the process alive; browsers give a number
    if (typeof this.#timer === 'object') this.#timer.unref()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#drop(this.#free.length)
  }

  #drop(count: number): void {
    for (const arena of this.#free.splice(0, count)) this.#onDrop(arena)
  }
}
