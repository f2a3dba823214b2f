import type { LineRates } from './pacing.ts'

/** What a node may move, all protocols together; no limit where one is absent. As in its `config.json`. */
export interface BandwidthLimits {
  upBytesPerSecond?: number
  downBytesPerSecond?: number
  /** of one peer */
  peerUpBytesPerSecond?: number
  peerDownBytesPerSecond?: number
  /** up and down together, in a calendar month (UTC) */
  bytesPerMonth?: number
  quietHours?: readonly QuietHours[]
}

/** Other rates between two times of day, past midnight when the second is the earlier one; those of all day where absent. */
export interface QuietHours {
  /** `HH:MM` */
  from: string
  to: string
  upBytesPerSecond?: number
  downBytesPerSecond?: number
}

/** The rates of both directions at some moment. */
export interface RatesNow {
  up: LineRates
  down: LineRates
  /** whether they are those of quiet hours */
  quiet: boolean
}

/** The rates at a time of day, in minutes since midnight. Of quiet hours that overlap the first ones count. */
export function ratesAt(limits: BandwidthLimits, minuteOfDay: number): RatesNow {
  const quiet = limits.quietHours?.find(hours => isWithin(hours, minuteOfDay))
  const unlimited = Number.POSITIVE_INFINITY
  return {
    up: {
      total: quiet?.upBytesPerSecond ?? limits.upBytesPerSecond ?? unlimited,
      perPeer: limits.peerUpBytesPerSecond ?? unlimited,
    },
    down: {
      total: quiet?.downBytesPerSecond ?? limits.downBytesPerSecond ?? unlimited,
      perPeer: limits.peerDownBytesPerSecond ?? unlimited,
    },
    quiet: quiet !== undefined,
  }
}

/** From the first minute up to, but without, the last; the whole day when they are one. */
function isWithin({ from, to }: QuietHours, minute: number): boolean {
  const [first, last] = [minutesOf(from), minutesOf(to)]
  if (first < last) return minute >= first && minute < last
  return minute >= first || minute < last
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  return hours * 60 + minutes
}
