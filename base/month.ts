import type { Clock } from './clock.ts'

/** Bytes of a calendar month (UTC), which survive a restart. */
export interface MonthCount {
  /** `2026-11` */
  month: string
  bytes: number
}

export interface Month {
  add(bytes: number): void
  /** of this month */
  count(): MonthCount
  /** when the next month begins */
  endsInMs(): number
}

/** A month that begins later than this was counted by a clock that was wrong. */
const SET_BACK_MS = 31 * 86_400_000

const monthOf = (ms: number): string => new Date(ms).toISOString().slice(0, 7)

export function createMonth(kept: MonthCount | undefined, clock: Pick<Clock, 'now'>): Month {
  let count: MonthCount = kept ?? { month: monthOf(clock.now()), bytes: 0 }
  const current = (): MonthCount => {
    const month = monthOf(clock.now())
    // a clock that was set back does not give the bytes again; one that was far ahead does not keep them for years
    const isWrong = count.month > monthOf(clock.now() + SET_BACK_MS)
    if (month > count.month || isWrong) count = { month, bytes: 0 }
    return count
  }
  return {
    add(bytes) {
      current().bytes += bytes
    },
    count: () => ({ ...current() }),
    endsInMs() {
      const [year = 0, month = 0] = current().month.split('-').map(Number)
      return Math.max(0, Date.UTC(year, month) - clock.now())
    },
  }
}
