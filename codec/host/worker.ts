/** A thread of the pool: runs units of the phases that it is sent. */
import { parentPort, workerData } from 'node:worker_threads'
import { instantiateKernel } from './kernel.ts'
import { type Kernel, type Phase, runUnits } from './phase.ts'

export type ToWorker =
  | {
      kind: 'run'
      arena: number
      memory: WebAssembly.Memory
      phase: Phase
      job: number
      scratch: number
      limitMs: number
    }
  | { kind: 'forget'; arena: number }

/** Whether the phase has no more units to take, or what the kernel threw. */
export type FromWorker = { kind: 'ran'; exhausted: boolean } | { kind: 'failed'; message: string }

if (parentPort !== null) {
  const port = parentPort
  const module = workerData as WebAssembly.Module
  const kernels = new Map<number, Kernel>()

  port.on('message', (message: ToWorker) => {
    if (message.kind === 'forget') kernels.delete(message.arena)
    else port.postMessage(run(message))
  })

  const run = (message: Extract<ToWorker, { kind: 'run' }>): FromWorker => {
    try {
      let kernel = kernels.get(message.arena)
      if (kernel === undefined) {
        kernel = instantiateKernel(module, message.memory)
        kernels.set(message.arena, kernel)
      }
      kernel.configure(message.job, message.scratch)
      return { kind: 'ran', exhausted: runUnits(kernel, message.memory, message.phase, message.limitMs) }
    } catch (error) {
      return { kind: 'failed', message: String(error) }
    }
  }
}
