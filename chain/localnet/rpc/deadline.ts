import type { Clock } from '../../../base/clock.ts'
import { invalid } from './status.ts'

const UNIT_MS: Record<string, number> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
}

/** `grpc-timeout` in milliseconds: at most eight digits and a unit. Throws RpcStatus INVALID_ARGUMENT. */
export function parseTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const match = /^(\d{1,8})([HMSmun])$/.exec(text)
  if (match === null) throw invalid(`malformed grpc-timeout: ${text.slice(0, 20)}`)
  return Number(match[1]) * UNIT_MS[match[2]!]!
}

/** What a timer takes; longer is for ever. */
const LONGEST_MS = 2 ** 31 - 1

/** Aborts when the time is up; call `clear` when it does not matter any more. */
export function deadline(
  clock: Clock,
  timeoutMs: number | undefined,
  reason: () => Error,
): { signal: AbortSignal; clear(): void } {
  const controller = new AbortController()
  if (timeoutMs === undefined || timeoutMs > LONGEST_MS)
    return { signal: controller.signal, clear: () => undefined }
  if (timeoutMs < 1) controller.abort(reason())
  const timer = clock.after(timeoutMs, () => controller.abort(reason()))
  return { signal: controller.signal, clear: () => timer.stop() }
}
