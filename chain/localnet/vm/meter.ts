import { VmError } from './errors.ts'

export interface MeterLimits {
  /** instructions, and what natives and copies take in their place */
  steps: number
  /** memory that values take; what is taken counts for good, as on Sui, even when it is let go again */
  bytes?: number
  /** a bound besides, for whatever the steps misjudge: of the thread's own work, not of a busy machine's clock */
  durationMs?: number
}

/** Steps between two looks at the time: far less than a millisecond of work. */
const STEPS_BETWEEN_LOOKS = 20_000

/** What V8 takes for an array, and for what is put into it. */
const ARRAY_BYTES = 64
export const SLOT_BYTES = 8

export const bytesOfArray = (length: number): number => ARRAY_BYTES + SLOT_BYTES * length

/** Bounds one transaction's time and memory: whatever runs on its behalf takes from here first. */
export class Meter {
  /** steps left */
  remaining: number
  /** bytes left */
  bytes: number
  readonly #deadline: number
  #untilLook = STEPS_BETWEEN_LOOKS

  constructor({ steps, bytes = Number.POSITIVE_INFINITY, durationMs }: MeterLimits) {
    this.remaining = steps
    this.bytes = bytes
    this.#deadline = durationMs === undefined ? Number.POSITIVE_INFINITY : workedMs() + durationMs
  }

  /** @throws VmError `InsufficientGas` when the steps or the time are used up */
  charge(steps: number): void {
    this.remaining -= steps
    if (this.remaining < 0) throw new VmError({ kind: 'InsufficientGas', what: 'steps' })
    this.#untilLook -= steps
    if (this.#untilLook < 0) this.look()
  }

  /** @throws VmError `InsufficientGas` when the memory is used up */
  allocate(bytes: number): void {
    this.bytes -= bytes
    if (this.bytes < 0) throw new VmError({ kind: 'InsufficientGas', what: 'memory' })
  }

  /** For an array that is filled one by one: time and memory. */
  chargeArray(length: number): void {
    this.charge(4 + length)
    this.allocate(ARRAY_BYTES + SLOT_BYTES * length)
  }

  look(): void {
    this.#untilLook = STEPS_BETWEEN_LOOKS
    if (workedMs() > this.#deadline) throw new VmError({ kind: 'InsufficientGas', what: 'time' })
  }

  /** Hands out steps to be counted down by the caller, at least one; what is left of them comes back. */
  take(): number {
    if (this.#untilLook <= 0) this.look()
    const steps = Math.min(this.remaining, this.#untilLook)
    this.charge(Math.max(1, steps))
    return steps
  }

  giveBack(steps: number): void {
    this.remaining += steps
    this.#untilLook += steps
  }
}

/** What this thread has worked so far, in ms; the whole process where Node does not tell that of a thread. */
function workedMs(): number {
  const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage()
  return (user + system) / 1_000
}
