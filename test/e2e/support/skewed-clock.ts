import { readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { Clock } from '../../../base/clock.ts'
import { systemTimers } from '../../../base/timers.ts'

/** In a node's folder: by how many ms its clock is wrong. It is right when the file is not there. */
export const SKEW_FILE = 'skew'

/** The machine's clock, put forward or back as the folder says, at once whenever that changes. */
export function skewedClock(dir: string): Clock {
  const file = join(dir, SKEW_FILE)
  let skewMs = skewIn(file)
  watch(dir, { persistent: false }, (_, name) => {
    if (name === SKEW_FILE) skewMs = skewIn(file)
  })
  return new Clock({ ...systemTimers, now: () => systemTimers.now() + skewMs })
}

function skewIn(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8')) || 0
  } catch {
    return 0
  }
}
