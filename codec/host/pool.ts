import type { Worker } from 'node:worker_threads'
import { nodeModule } from '../../base/node-module.ts'
import { systemTimers, type Timers } from '../../base/timers.ts'
import { onAbort } from '../../base/wait.ts'
import { CodecError } from '../errors.ts'
import type { KernelBuild, ReadKernel } from '../interface.ts'
import { type Arena, CONTROL_NEXT, CONTROL_STOP } from './arena.ts'
import { type Executor, LocalExecutor, ThreadExecutor } from './executor.ts'
import { loadKernel } from './kernel.ts'
import { type Phase, unitCount } from './phase.ts'
import { TURN_MS } from './turns.ts'

/** A phase to run, and where in its arena the blocks for `configure` are: one scratch block per thread at most. */
export interface PhaseRun {
  arena: Arena
  phase: Phase
  job: number
  scratch: readonly number[]
  signal?: AbortSignal
}

/** Which kernel, and who gives it; what the engine knows and what lies beside the code when absent. */
interface KernelChoice {
  build?: KernelBuild | undefined
  read?: ReadKernel | undefined
}

export type SpawnThread = (module: WebAssembly.Module) => Promise<Worker>

interface Entry extends PhaseRun {
  freeScratch: number[]
  running: number
  /** some thread works on it until it is told to stop */
  unlimited: boolean
  exhausted: boolean
  error: unknown
  resolve: () => void
  reject: (error: unknown) => void
  listening: Disposable
}

/**
 * Divides the threads among the phases of all calls in flight. A phase alone gets every thread until it is done; as
 * soon as others wait, each gets turns of a few milliseconds. Threads start when there is work for them.
 */
export class Pool {
  readonly threads: number
  readonly shared: boolean
  readonly #kernel: KernelChoice
  #module: Promise<WebAssembly.Module> | undefined
  readonly #executors = new Set<Executor>()
  readonly #idle: Executor[] = []
  #starting = 0
  readonly #entries: Entry[] = []
  #closed = false

  readonly #spawn: SpawnThread
  readonly #timers: Timers

  /** `threads` 0: everything on the calling thread. */
  constructor(
    threads: number,
    kernel: KernelChoice = {},
    spawn: SpawnThread = spawnThread,
    timers: Timers = systemTimers,
  ) {
    this.threads = Math.max(1, threads)
    this.shared = threads > 0
    this.#kernel = kernel
    this.#spawn = spawn
    this.#timers = timers
  }

  /** Resolves when every unit of the phase has run. Rejects with the signal's reason, WORKER_CRASHED or CLOSED. */
  run(request: PhaseRun): Promise<void> {
    if (this.#closed) return Promise.reject(closed())
    if (request.signal?.aborted) return Promise.reject(request.signal.reason)
    if (unitCount(request.phase) === 0) return Promise.resolve()
    const { control } = request.arena
    control[CONTROL_NEXT] = 0
    control[CONTROL_STOP] = 0
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        ...request,
        freeScratch: [...request.scratch],
        running: 0,
        unlimited: false,
        exhausted: false,
        error: undefined,
        resolve,
        reject,
        listening: onAbort(request.signal, () => this.#fail(entry, request.signal?.reason)),
      }
      this.#entries.push(entry)
      this.#dispatch()
    })
  }

  /** Starts all threads ahead of the first phase, in the background. A failure shows at the first phase, which tries again. */
  warm(): void {
    for (let missing = this.threads - this.#executors.size - this.#starting; missing > 0; missing--) {
      this.#startExecutor()
    }
  }

  /** Lets the threads drop what they keep for an arena, so that its memory can be given back. */
  forget(arena: Arena): void {
    for (const executor of this.#executors) executor.forget(arena.id)
  }

  /** Stops the threads; phases in flight reject with CLOSED. */
  async close(): Promise<void> {
    this.#closed = true
    for (const entry of [...this.#entries]) this.#fail(entry, closed())
    await Promise.all([...this.#executors].map(executor => executor.close()))
    this.#executors.clear()
    this.#idle.length = 0
  }

  #dispatch(): void {
    for (;;) {
      const entry = this.#entries.find(wantsThread)
      if (entry === undefined) return
      const executor = this.#idle.pop()
      if (executor === undefined) {
        this.#startExecutor()
        if (entry.running === 0) this.#askForTurns()
        return
      }
      this.#give(entry, executor)
    }
  }

  #give(entry: Entry, executor: Executor): void {
    // to the end of the queue: the next thread goes to the phase that has waited longest
    this.#entries.splice(this.#entries.indexOf(entry), 1)
    this.#entries.push(entry)
    const scratch = entry.freeScratch.pop()!
    entry.running++
    entry.arena.control[CONTROL_STOP] = 0
    const contended = this.#entries.some(
      other => other !== entry && wantsThread(other) && other.running === 0,
    )
    const limitMs = contended ? TURN_MS : Number.POSITIVE_INFINITY
    entry.unlimited ||= !contended
    executor.run({ ...entry, scratch, limitMs }).then(
      exhausted => this.#took(entry, executor, scratch, exhausted),
      error => this.#lost(entry, executor, scratch, error),
    )
  }

  #took(entry: Entry, executor: Executor, scratch: number, exhausted: boolean): void {
    this.#idle.push(executor)
    this.#leave(entry, scratch)
    entry.exhausted ||= exhausted
    this.#settleIfOver(entry)
    this.#dispatch()
  }

  #lost(entry: Entry, executor: Executor, scratch: number, error: unknown): void {
    this.#leave(entry, scratch)
    if (this.#executors.has(executor)) this.#idle.push(executor)
    this.#fail(entry, error)
    this.#dispatch()
  }

  #leave(entry: Entry, scratch: number): void {
    entry.running--
    entry.freeScratch.push(scratch)
    if (entry.running === 0) entry.unlimited = false
  }

  #fail(entry: Entry, error: unknown): void {
    entry.error ??= error ?? new CodecError('CLOSED', 'aborted', {})
    entry.exhausted = true
    entry.arena.control[CONTROL_STOP] = 1
    this.#settleIfOver(entry)
  }

  /** Only when no thread works in the arena any more: it may be used again at once. */
  #settleIfOver(entry: Entry): void {
    if (!entry.exhausted || entry.running > 0) return
    const at = this.#entries.indexOf(entry)
    if (at < 0) return
    this.#entries.splice(at, 1)
    entry.listening[Symbol.dispose]()
    if (entry.error === undefined) entry.resolve()
    else entry.reject(entry.error)
  }

  /** Somebody waits and has no thread: those who have one for an unlimited time come back after the unit in hand. */
  #askForTurns(): void {
    for (const entry of this.#entries) if (entry.unlimited) entry.arena.control[CONTROL_STOP] = 1
  }

  #startExecutor(): void {
    if (this.#closed || this.#executors.size + this.#starting >= this.threads) return
    this.#starting++
    this.#createExecutor().then(
      executor => {
        this.#starting--
        this.#idle.push(executor)
        this.#dispatch()
      },
      error => {
        this.#starting--
        for (const entry of [...this.#entries]) if (entry.running === 0) this.#fail(entry, error)
      },
    )
  }

  async #createExecutor(): Promise<Executor> {
    const module = await this.#loadModule()
    if (!this.shared) return this.#add(new LocalExecutor(module, this.#timers))
    const worker = await this.#spawn(module)
    if (this.#closed) {
      await worker.terminate()
      throw closed()
    }
    const executor: Executor = new ThreadExecutor(worker, () => this.#remove(executor))
    return this.#add(executor)
  }

  /** Once for all threads; a failure is not kept: the next phase tries again. */
  #loadModule(): Promise<WebAssembly.Module> {
    if (this.#module !== undefined) return this.#module
    const loading = loadKernel(this.shared, this.#kernel.build, this.#kernel.read)
    this.#module = loading
    loading.catch(() => {
      this.#module = undefined
    })
    return loading
  }

  #add(executor: Executor): Executor {
    this.#executors.add(executor)
    return executor
  }

  #remove(executor: Executor): void {
    this.#executors.delete(executor)
    const at = this.#idle.indexOf(executor)
    if (at >= 0) this.#idle.splice(at, 1)
  }
}

function wantsThread(entry: Entry): boolean {
  return !entry.exhausted && entry.freeScratch.length > 0 && entry.running < unitCount(entry.phase)
}

function closed(): CodecError {
  return new CodecError('CLOSED', 'the codec is closed', {})
}

/** Starts a thread that runs host/worker.ts. */
async function spawnThread(module: WebAssembly.Module): Promise<Worker> {
  const threads = nodeModule('node:worker_threads')
  if (threads === undefined)
    throw new CodecError('WORKER_CRASHED', 'there are no threads outside of Node', {})
  // the published package has .js files; from the sources Node runs the .ts ones
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new threads.Worker(new URL(`./worker.${extension}`, import.meta.url), { workerData: module })
}
