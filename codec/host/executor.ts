import type { Worker } from 'node:worker_threads'
import type { Timers } from '../../base/timers.ts'
import { nextTurn } from '../../base/turn.ts'
import { CodecError } from '../errors.ts'
import type { Arena } from './arena.ts'
import { instantiateKernel } from './kernel.ts'
import { type Kernel, type Phase, runUnits } from './phase.ts'
import { TURN_MS } from './turns.ts'
import type { FromWorker, ToWorker } from './worker.ts'

/** One turn of work on a phase. */
export interface Turn {
  arena: Arena
  phase: Phase
  /** addresses of the job's and the scratch's block, see kernel/assembly/config.ts */
  job: number
  scratch: number
  limitMs: number
}

/** Something that works on one phase at a time: a thread, or this one. */
export interface Executor {
  /** True when the phase has no more units to take. Rejects with WORKER_CRASHED. */
  run(turn: Turn): Promise<boolean>
  /** Drops what it keeps for an arena. */
  forget(arena: number): void
  close(): Promise<void>
}

/** Without threads: the work is done here, in turns of a few milliseconds. */
export class LocalExecutor implements Executor {
  readonly #module: WebAssembly.Module
  readonly #timers: Timers
  readonly #kernels = new Map<number, Kernel>()

  constructor(module: WebAssembly.Module, timers: Timers) {
    this.#module = module
    this.#timers = timers
  }

  async run({ arena, phase, job, scratch }: Turn): Promise<boolean> {
    await nextTurn()
    let kernel = this.#kernels.get(arena.id)
    if (kernel === undefined) {
      kernel = instantiateKernel(this.#module, arena.memory)
      this.#kernels.set(arena.id, kernel)
    }
    kernel.configure(job, scratch)
    return runUnits(kernel, arena.memory, phase, TURN_MS, this.#timers)
  }

  forget(arena: number): void {
    this.#kernels.delete(arena)
  }

  async close(): Promise<void> {
    this.#kernels.clear()
  }
}

/** A worker thread of Node. It keeps the process alive only while it works. */
export class ThreadExecutor implements Executor {
  readonly #worker: Worker
  #settle: { resolve: (exhausted: boolean) => void; reject: (error: Error) => void } | undefined

  /** `onGone` is called once, when the thread has ended for whatever reason. */
  constructor(worker: Worker, onGone: () => void) {
    this.#worker = worker
    worker.unref()
    worker.on('message', (message: FromWorker) => {
      const settle = this.#take()
      if (message.kind === 'ran') settle?.resolve(message.exhausted)
      else settle?.reject(crashed(message.message))
    })
    // 'exit' follows and settles the turn; without a listener the error would end the process
    let reason: unknown
    worker.on('error', error => {
      reason = error
    })
    worker.on('exit', () => {
      onGone()
      this.#take()?.reject(crashed('the thread has ended', reason))
    })
  }

  run({ arena, phase, job, scratch, limitMs }: Turn): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#worker.ref()
      const message: ToWorker = {
        kind: 'run',
        arena: arena.id,
        memory: arena.memory,
        phase,
        job,
        scratch,
        limitMs,
      }
      this.#worker.postMessage(message)
    })
  }

  forget(arena: number): void {
    this.#worker.postMessage({ kind: 'forget', arena } satisfies ToWorker)
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #take() {
    const settle = this.#settle
    this.#settle = undefined
    this.#worker.unref()
    return settle
  }
}

function crashed(message: string, cause?: unknown): CodecError {
  return new CodecError('WORKER_CRASHED', `a worker thread of the codec failed: ${message}`, {}, { cause })
}
