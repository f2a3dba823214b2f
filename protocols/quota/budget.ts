import { waitFor } from '../stream/wait.ts'

export interface Budget {
  /** given out now */
  readonly used: number
  /**
   * Takes `amount`, waiting for its turn; the function that comes back returns it (calling it again does nothing).
   * More than the whole budget is granted only when nothing else is out.
   */
  take(amount: number, signal?: AbortSignal): Promise<() => void>
}

interface Waiter {
  amount: number
  grant: () => void
}

/** An amount (of bytes, of slots) that may be out at a time, given in order of asking, so that large takers do not starve. */
export function createBudget(capacity: number): Budget {
  let used = 0
  const queue: Waiter[] = []

  const fits = (amount: number): boolean => used === 0 || used + amount <= capacity
  const serve = (): void => {
    while (queue.length > 0 && fits(queue[0]!.amount)) {
      const next = queue.shift()!
      used += next.amount
      next.grant()
    }
  }
  const giveBack = (amount: number): (() => void) => {
    let out = true
    return () => {
      if (!out) return
      out = false
      used -= amount
      serve()
    }
  }

  return {
    get used() {
      return used
    },
    async take(amount, signal) {
      signal?.throwIfAborted()
      if (queue.length === 0 && fits(amount)) {
        used += amount
        return giveBack(amount)
      }
      let granted = false
      await waitFor(
        resolve => {
          const waiter: Waiter = {
            amount,
            grant() {
              granted = true
              resolve()
            },
          }
          queue.push(waiter)
          return () => {
            if (granted) return
            queue.splice(queue.indexOf(waiter), 1)
            serve()
          }
        },
        { signal },
      )
      return giveBack(amount)
    },
  }
}
