import { waitFor } from './wait.ts'

/** An amount that was taken. */
export interface Hold {
  /** Gives part of it back: `amount` is what stays, no more than there was. */
  shrink(amount: number): void
  /** Gives the rest back; a second call does nothing. */
  release(): void
}

export interface Semaphore {
  /** given out now */
  readonly used: number
  /** how many wait for their turn */
  readonly waiting: number
  /**
   * Takes `amount`, waiting for its turn. More than the whole capacity is granted only when nothing else is out.
   * Throws the signal's reason.
   */
  take(amount: number, signal?: AbortSignal): Promise<Hold>
}

interface Waiter {
  amount: number
  grant: () => void
}

/**
 * A weighted semaphore: an amount (of bytes, of slots) that may be out at a time, given in order of asking, so that large
 * takers do not starve. How many may wait is the callers' to say.
 */
export function createSemaphore(capacity: number): Semaphore {
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
  const holdOf = (amount: number): Hold => {
    let held = amount
    const shrink = (to: number): void => {
      if (to >= held) return
      used -= held - to
      held = to
      serve()
    }
    return { shrink, release: () => shrink(0) }
  }

  return {
    get used() {
      return used
    },
    get waiting() {
      return queue.length
    },
    async take(amount, signal) {
      signal?.throwIfAborted()
      if (queue.length === 0 && fits(amount)) {
        used += amount
        return holdOf(amount)
      }
      let granted = false
      await waitFor(resolve => {
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
      }, signal)
      return holdOf(amount)
    },
  }
}
