import type { Clock } from '../../base/clock.ts'
import type { Timer } from '../../base/timers.ts'
import { onAbort } from '../../base/wait.ts'
import { HttpError } from './errors.ts'

export interface GateInit {
  /** holders at a time */
  slots: number
  /** sum of the holders' weights; a single heavier one enters when it is alone */
  capacityBytes: number
  /** who may wait; one more is refused at once, or the newest of an address with more of them waiting */
  maxWaiting: number
  /** how long to wait before giving up */
  waitMs: number
  clock: Clock
  /**
   * Called while somebody waits, now and then: may make holders leave that have less claim to their place. `bytes` are short,
   * or none when a slot is; of `address`, when only its own places are taken.
   */
  makeRoom?: (bytes: number, address?: string) => void
}

export interface Entrance {
  /** weight */
  bytes: number
  /** whom it counts for */
  address: string
  signal: AbortSignal
}

/** What was given to one who entered. */
export interface Permit {
  /** Gives the slot back, and keeps the bytes. */
  rest(): void
  /** Holds so many bytes instead. Throws HttpError 503 when there is no room for more. */
  resize(bytes: number): void
  /** Gives everything back; a second call does nothing. */
  leave(): void
}

/** Bounds work in flight by count and by bytes. */
export interface Gate {
  /**
   * Waits for room. The address that has the fewest places is next, first come, first served among equals, and none may have
   * more than three quarters of the slots: nobody keeps out everybody else.
   * Throws HttpError 429 when too many wait, 503 when the wait was too long, the signal's reason when aborted.
   */
  enter(entrance: Entrance): Promise<Permit>
}

interface Waiting {
  bytes: number
  address: string
  admit(): void
  refuse(error: HttpError): void
}

const LOOK_AGAIN_MS = 500

export function createGate(init: GateInit): Gate {
  const { slots, capacityBytes, maxWaiting, waitMs, clock, makeRoom } = init
  const slotsPerAddress = Math.ceil(slots * 0.75)
  const queue: Waiting[] = []
  const slotsOf = new Map<string, number>()
  let held = 0
  let heldBytes = 0
  let ticking: Timer | undefined
  let growing = false

  const has = (address: string) => slotsOf.get(address) ?? 0
  const mayHave = ({ address }: { address: string }) => has(address) < slotsPerAddress
  const fits = (bytes: number) => held < slots && heldBytes + bytes <= capacityBytes

  function takeSlot(address: string, count: 1 | -1): void {
    held += count
    const left = has(address) + count
    if (left === 0) slotsOf.delete(address)
    else slotsOf.set(address, left)
  }

  function hold(address: string, bytes: number): Permit {
    let mine = bytes
    let working = true
    let left = false
    takeSlot(address, 1)
    heldBytes += bytes
    const rest = () => {
      if (!working) return
      working = false
      takeSlot(address, -1)
    }
    const set = (bytes: number) => {
      heldBytes += bytes - mine
      mine = bytes
    }
    return {
      rest() {
        rest()
        admitNext()
      },
      resize(wanted) {
        const bytes = Math.min(wanted, capacityBytes)
        const more = bytes - mine
        const short = heldBytes + more - capacityBytes
        if (short > 0) {
          growing = true // what becomes free is for the one inside, not for the queue
          makeRoom?.(short)
          growing = false
        }
        // its own place may have been the one with the least claim
        if (left || (more > 0 && heldBytes + more > capacityBytes)) {
          admitNext()
          throw busy(503, 'no room for this request now')
        }
        set(bytes)
        admitNext()
      },
      leave() {
        if (left) return
        left = true
        rest()
        set(0)
        admitNext()
      },
    }
  }

  /** Who is next: of the address with the fewest slots, among equals who came first. */
  function next(): Waiting | undefined {
    let best: Waiting | undefined
    for (const one of queue) {
      if (mayHave(one) && (best === undefined || has(one.address) < has(best.address))) best = one
    }
    return best
  }

  function admitNext(): void {
    if (growing) return
    for (let one = next(); one !== undefined && fits(one.bytes); one = next()) {
      queue.splice(queue.indexOf(one), 1)
      one.admit()
    }
    if (queue.length > 0 || ticking === undefined) return
    ticking.stop()
    ticking = undefined
  }

  function lookForRoom(): void {
    const one = next()
    if (one === undefined) makeRoom?.(0, queue[0]?.address)
    else if (!fits(one.bytes)) makeRoom?.(Math.max(0, heldBytes + one.bytes - capacityBytes))
  }

  /** Makes room in a full queue for one of an address with fewer of them in it. Throws 429. */
  function displace(address: string): void {
    const waitingOf = new Map<string, number>()
    for (const one of queue) waitingOf.set(one.address, (waitingOf.get(one.address) ?? 0) + 1)
    const mine = waitingOf.get(address) ?? 0
    let newest: Waiting | undefined
    for (const one of queue) {
      const count = waitingOf.get(one.address) as number
      if (count > mine + 1 && count >= (newest ? (waitingOf.get(newest.address) as number) : 0)) newest = one
    }
    if (newest === undefined) throw busy(429, 'too many requests are waiting')
    newest.refuse(busy(429, 'too many requests of this address are waiting'))
  }

  return {
    async enter({ bytes: wanted, address, signal }) {
      signal.throwIfAborted()
      const bytes = Math.min(wanted, capacityBytes)
      if (mayHave({ address }) && fits(bytes) && next() === undefined) return hold(address, bytes)
      if (queue.length >= maxWaiting) displace(address)
      return await new Promise<Permit>((resolve, reject) => {
        let listening: Disposable | undefined
        const stopWaiting = () => {
          timer.stop()
          listening?.[Symbol.dispose]()
        }
        const leave = (error: unknown) => {
          queue.splice(queue.indexOf(waiting), 1)
          stopWaiting()
          admitNext()
          reject(error)
        }
        const timer = clock.after(waitMs, () => leave(busy(503, 'no room for this request yet')))
        const waiting: Waiting = {
          bytes,
          address,
          refuse: leave,
          admit() {
            stopWaiting()
            resolve(hold(address, bytes))
          },
        }
        queue.push(waiting)
        listening = onAbort(signal, () => leave(signal.reason))
        if (makeRoom === undefined) return
        ticking ??= clock.every(LOOK_AGAIN_MS, lookForRoom)
        lookForRoom()
      })
    },
  }
}

function busy(status: 429 | 503, message: string): HttpError {
  return new HttpError(status, 'BUSY', `${message}: try again in a moment`, { retryAfterSeconds: 1 })
}
