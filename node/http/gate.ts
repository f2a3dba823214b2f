import { HttpError } from './errors.ts'

export interface GateInit {
  /** holders at a time */
  slots: number
  /** sum of the holders' weights; a single heavier one enters when it is alone */
  capacityBytes: number
  /** who may wait; one more is refused at once */
  maxWaiting: number
  /** how long to wait before giving up */
  waitMs: number
}

/** Bounds work in flight by count and by bytes. */
export interface Gate {
  /**
   * Waits for room, first come, first served; resolves to the function that gives it back (idempotent).
   * Throws HttpError 429 when too many wait, 503 when the wait was too long, the signal's reason when aborted.
   */
  enter(bytes: number, signal: AbortSignal): Promise<() => void>
}

interface Waiting {
  bytes: number
  admit(): void
}

export function createGate(init: GateInit): Gate {
  const { slots, capacityBytes, maxWaiting, waitMs } = init
  const queue: Waiting[] = []
  let held = 0
  let heldBytes = 0

  const fits = (bytes: number) => held < slots && heldBytes + bytes <= capacityBytes

  function hold(bytes: number): () => void {
    let released = false
    held++
    heldBytes += bytes
    return () => {
      if (released) return
      released = true
      held--
      heldBytes -= bytes
      admitNext()
    }
  }

  function admitNext(): void {
    while (queue[0] !== undefined && fits(queue[0].bytes)) queue.shift()?.admit()
  }

  return {
    async enter(wantedBytes, signal) {
      signal.throwIfAborted()
      const bytes = Math.min(wantedBytes, capacityBytes)
      if (queue.length === 0 && fits(bytes)) return hold(bytes)
      if (queue.length >= maxWaiting) throw busy(429, 'too many requests are waiting')
      return await new Promise<() => void>((resolve, reject) => {
        const leave = (error: unknown) => {
          queue.splice(queue.indexOf(waiting), 1)
          stopWaiting()
          admitNext()
          reject(error)
        }
        const onAbort = () => leave(signal.reason)
        const timer = setTimeout(() => leave(busy(503, 'no room for this request yet')), waitMs)
        const stopWaiting = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', onAbort)
        }
        const waiting: Waiting = {
          bytes,
          admit() {
            stopWaiting()
            resolve(hold(bytes))
          },
        }
        signal.addEventListener('abort', onAbort, { once: true })
        queue.push(waiting)
      })
    },
  }
}

function busy(status: 429 | 503, message: string): HttpError {
  return new HttpError(status, 'BUSY', `${message}: try again in a moment`, { retryAfterSeconds: 1 })
}
