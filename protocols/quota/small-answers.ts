import type { Clock } from '../../base/clock.ts'
import { createRates } from '../../base/rates.ts'
import { createTokenBucket } from '../../base/token-bucket.ts'
import { SMALL_ANSWERS } from '../specs.ts'
import type { Mover } from './bandwidth.ts'

/** What is still answered when the month's bytes are used up. */
export interface SmallAnswers {
  tryTake(mover: Mover, bytes: number): boolean
  /** How long it takes at most until so many bytes may be sent to one who asks for nothing else. */
  waitMs(bytes: number): number
}

/** So much to each account, and to all together who are no members: addresses cost something, but not much. */
export function createSmallAnswers(clock: Pick<Clock, 'monotonic'>): SmallAnswers {
  const { account, strangers, remembered } = SMALL_ANSWERS
  const now = () => clock.monotonic()
  const each = createRates({
    perSecond: account.bytesPerSecond,
    burst: account.burstBytes,
    remembered,
    now,
  })
  const all = createTokenBucket(strangers.bytesPerSecond, strangers.burstBytes, now)
  return {
    tryTake({ peer, account = peer, isMember = false }, bytes) {
      // what all have is asked for first, but taken last: one who has used up its own takes nothing of others
      if (!isMember && !all.has(bytes)) return false
      if (!each.tryTake(account, bytes)) return false
      return isMember || all.tryTake(bytes)
    },
    waitMs: bytes => (bytes / Math.min(account.bytesPerSecond, strangers.bytesPerSecond)) * 1_000,
  }
}
