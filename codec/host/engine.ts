import { createSemaphore, type Semaphore } from '../../base/semaphore.ts'
import { systemTimers, type Timers } from '../../base/timers.ts'
import type { CodecOptions } from '../interface.ts'
import type { Allotment, Arena } from './arena.ts'
import { ArenaStore } from './arenas.ts'
import { createField, type Field } from './field.ts'
import { LeafTable } from './leaf-table.ts'
import type { Phase } from './phase.ts'
import { Pool, type SpawnThread } from './pool.ts'

/** Where a job's blocks for the kernel's `configure` are. */
export interface Blocks {
  job: number
  scratch: readonly number[]
}

/** Threads, memory and tables: what every job of one codec shares. */
export class Engine {
  readonly pool: Pool
  readonly arenas: ArenaStore
  readonly leafTable = new LeafTable()
  readonly #jobs: Semaphore
  #field: Field | undefined

  readonly timers: Timers

  constructor({ threads, build, readKernel, clock = systemTimers }: CodecOptions = {}, spawn?: SpawnThread) {
    this.timers = clock
    this.pool = new Pool(threads ?? defaultThreads(), { build, read: readKernel }, spawn, clock)
    // two more than can run: their data is copied in meanwhile
    this.#jobs = createSemaphore(this.pool.threads + 2)
    this.arenas = new ArenaStore(this.pool.shared, arena => this.pool.forget(arena), undefined, clock)
  }

  get field(): Field {
    this.#field ??= createField()
    return this.#field
  }

  /** Runs a job in memory of its own, which is free again afterwards. Until its turn comes the signal ends the wait. */
  async withArena<T>(
    allotment: Allotment,
    use: (arena: Arena) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const place = await this.#jobs.take(1, signal)
    try {
      const arena = this.arenas.acquire(allotment.size)
      try {
        return await use(arena)
      } finally {
        this.arenas.release(arena)
      }
    } finally {
      place.release()
    }
  }

  run(arena: Arena, phase: Phase, { job, scratch }: Blocks, signal?: AbortSignal): Promise<void> {
    return this.pool.run({ arena, phase, job, scratch, signal })
  }

  async close(): Promise<void> {
    await this.pool.close()
    this.arenas.close()
  }
}

/** All cores where memory can be shared with threads; none elsewhere, as in a browser page. */
function defaultThreads(): number {
  const isNode = typeof process === 'object' && process.versions?.node !== undefined
  if (!isNode || typeof SharedArrayBuffer !== 'function') return 0
  // Node 20 has no navigator
  return (
    globalThis.navigator?.hardwareConcurrency ?? process.getBuiltinModule('node:os').availableParallelism()
  )
}
