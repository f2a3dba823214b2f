import { systemTimers, type Timer, type Timers } from '../../base/timers.ts'
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
  readonly #timers: Timers
  readonly #free: Arena[] = []
  #count = 0
  #idle: Timer | undefined
  #closed = false

  constructor(
    shared: boolean,
    onDrop: (arena: Arena) => void,
    idleMs = IDLE_MS,
    timers: Timers = systemTimers,
  ) {
    this.#shared = shared
    this.#onDrop = onDrop
    this.#idleMs = idleMs
    this.#timers = timers
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
    this.#idle?.stop()
    // an idle codec must not keep the process alive
    this.#idle = this.#timers.after(this.#idleMs, () => this.#drop(this.#free.length), { background: true })
  }

  close(): void {
    this.#closed = true
    this.#idle?.stop()
    this.#drop(this.#free.length)
  }

  #drop(count: number): void {
    for (const arena of this.#free.splice(0, count)) this.#onDrop(arena)
  }
}
