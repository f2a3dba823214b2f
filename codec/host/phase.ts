import { systemTimers, type Timers } from '../../base/timers.ts'
import { CONTROL_ADDRESS, CONTROL_NEXT, CONTROL_STOP } from './arena.ts'

/** The kernel's exports that phases call; a call is encoded by its position here. */
export const OPERATIONS = [
  'configure',
  'copyRepair',
  'copyWords',
  'decodeWords',
  'expand',
  'expandTo',
  'fillLeafMemo',
  'fillZeroHashes',
  'hashSymbols',
  'locate',
  'merklePath',
  'rowRoots',
  'sealMetadata',
  'takeSymbols',
  'wordRoots',
] as const

export type Operation = (typeof OPERATIONS)[number]
export type Kernel = Record<Operation, (...args: number[]) => void>

/**
 * A phase is a table of units that may run in any order and at the same time; a unit is a list of kernel calls. It is
 * data, so that a worker thread needs to know nothing of what it computes.
 */
export interface Phase {
  /** calls: operation, number of arguments, arguments */
  readonly code: Int32Array
  /** where each unit starts in `code`, and the end */
  readonly starts: Int32Array
}

export class PhaseBuilder {
  readonly #code: number[] = []
  readonly #starts: number[] = []

  /** Begins a unit. */
  unit(): this {
    this.#starts.push(this.#code.length)
    return this
  }

  call(operation: Exclude<Operation, 'configure'>, ...args: number[]): this {
    this.#code.push(OPERATIONS.indexOf(operation), args.length, ...args)
    return this
  }

  build(): Phase {
    return {
      code: Int32Array.from(this.#code),
      starts: Int32Array.from([...this.#starts, this.#code.length]),
    }
  }
}

export function unitCount(phase: Phase): number {
  return phase.starts.length - 1
}

/**
 * Takes units until there are none left (true), or it is told to stop or the time is up (false). Every thread that
 * works on the phase does the same; the control words in memory divide the work.
 */
export function runUnits(
  kernel: Kernel,
  memory: WebAssembly.Memory,
  phase: Phase,
  limitMs: number,
  timers: Pick<Timers, 'monotonic'> = systemTimers,
): boolean {
  const control = new Int32Array(memory.buffer, CONTROL_ADDRESS, 2)
  const units = unitCount(phase)
  const deadline = timers.monotonic() + limitMs
  while (Atomics.load(control, CONTROL_STOP) === 0) {
    const unit = Atomics.add(control, CONTROL_NEXT, 1)
    if (unit >= units) return true
    runUnit(kernel, phase, unit)
    if (timers.monotonic() > deadline) return false
  }
  return false
}

function runUnit(kernel: Kernel, { code, starts }: Phase, unit: number): void {
  const end = starts[unit + 1]!
  let at = starts[unit]!
  while (at < end) {
    const operation = OPERATIONS[code[at]!]!
    const count = code[at + 1]!
    kernel[operation](...code.subarray(at + 2, at + 2 + count))
    at += 2 + count
  }
}
