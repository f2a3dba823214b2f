import type { Clock } from '../../../base/clock.ts'
import { networkOf } from '../../../base/ip.ts'
import { createRates } from '../../../base/rates.ts'
import type { Timer } from '../../../base/timers.ts'
import { createTokenBucket } from '../../../base/token-bucket.ts'
import type { RefusalReason } from '../../refusals.ts'
import { Groups } from '../groups.ts'
import { CONNECTIONS, WEB_RTC } from '../limits.ts'

/** Who has come by WebRTC, until its link ends. */
export interface Comer {
  /** It has proved who it is, and is for others to judge. */
  admitted(): void
  left(): void
}

/** Decides for whom a native connection is made, before libp2p hears of it. */
export interface Comers {
  /** Undefined when there is no place for it; `drop` ends it, when its place is needed or its time is up. */
  arrive(host: string, drop: () => void): Comer | undefined
}

export type ComersLimits = { readonly [Name in keyof typeof WEB_RTC]: number }

interface Guest {
  readonly address: string
  readonly drop: () => void
  timer?: Timer
}

/** A packet costs nothing and says of itself where it comes from: the oldest handshake of who has most makes way. */
export function createComers(
  clock: Clock,
  refused: (reason: RefusalReason<'connections'>) => void,
  limits: ComersLimits = WEB_RTC,
): Comers {
  const now = () => clock.monotonic()
  const rate = createTokenBucket(limits.perSecond, limits.burst, now)
  const rates = createRates({
    perSecond: limits.perSecondPerAddress,
    burst: limits.burstPerAddress,
    remembered: limits.remembered,
    now,
  })
  const pending = new Groups<Guest>()
  const all = new Groups<Guest>()

  function leave(guest: Guest): void {
    guest.timer?.stop()
    pending.remove(guest.address, guest)
    all.remove(guest.address, guest)
  }
  function push(guests: Iterable<Guest>): void {
    for (const guest of guests) return void end(guest, 'pending')
  }
  function end(guest: Guest, reason: RefusalReason<'connections'>): void {
    refused(reason)
    leave(guest)
    guest.drop()
  }
  /** Why it may not come. */
  function problem(address: string): RefusalReason<'connections'> | undefined {
    if (all.count(address) - pending.count(address) >= limits.connectionsPerAddress) return 'address'
    if (all.size - pending.size >= limits.connections) return 'full'
    return rates.tryTake(address) && rate.tryTake(1) ? undefined : 'rate'
  }

  return {
    arrive(host, drop) {
      const address = networkOf(host)
      const reason = problem(address)
      if (reason !== undefined) {
        refused(reason)
        return undefined
      }
      if (pending.count(address) >= limits.pendingPerAddress) push(pending.of(address))
      if (pending.size >= limits.pending) push(pending.ofLargest())
      const guest: Guest = { address, drop }
      guest.timer = clock.after(CONNECTIONS.inboundUpgradeTimeout, () => end(guest, 'handshake'))
      pending.add(address, guest)
      all.add(address, guest)
      return {
        admitted() {
          guest.timer?.stop()
          pending.remove(address, guest)
        },
        left: () => leave(guest),
      }
    },
  }
}
