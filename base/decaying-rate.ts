import type { Clock } from './clock.ts'

/** How much moves per second lately, the newer the heavier. */
export interface DecayingRate {
  add(amount: number): void
  perSecond(): number
}

/** What moved a half-life ago counts for half. */
export function createDecayingRate(clock: Pick<Clock, 'monotonic'>, halfLifeMs = 5_000): DecayingRate {
  let amount = 0
  let at = clock.monotonic()
  const decay = (): void => {
    const now = clock.monotonic()
    amount *= 0.5 ** ((now - at) / halfLifeMs)
    at = now
  }
  return {
    add(more) {
      decay()
      amount += more
    },
    perSecond() {
      decay()
      // what a steady rate adds up to under this decay
      return (amount * Math.LN2) / (halfLifeMs / 1000)
    },
  }
}
