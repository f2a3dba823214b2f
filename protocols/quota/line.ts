import type { Clock } from '../../base/clock.ts'
import type { Timer } from '../../base/timers.ts'
import { waitFor } from '../../base/wait.ts'
import { ProtocolError } from '../errors.ts'
import type { LineRates } from './pacing.ts'
import { createTurns, type Waiting } from './turns.ts'

/** One direction of a node's line. */
export interface Line {
  /** how many pieces wait */
  readonly waiting: number
  /** Bytes of one piece at most. */
  pieceBytes(): number
  /** Waits until a piece may move; nothing to be waited for when it may at once. Throws the signal's reason, and CLOSED. */
  take(peer: string, bytes: number, signal?: AbortSignal): Promise<void> | undefined
  /** The rates are others now. */
  changed(): void
  /** Nobody waits any more: CLOSED. */
  close(): void
}

/** Up to this a piece is taken for a message: status, confirmations, errors. On a slow line pieces of bodies are as short. */
const SMALL_BYTES = 16 * 1024

interface Waiter extends Waiting {
  grant(): void
  end(error: unknown): void
}

export function createLine(rates: () => LineRates, clock: Clock): Line {
  const turns = createTurns<Waiter>(rates)
  const waiters = new Set<Waiter>()
  let timer: Timer | undefined
  let closed = false

  function serve(): void {
    timer?.stop()
    timer = undefined
    for (;;) {
      const next = turns.next(clock.monotonic())
      if (next === undefined) return
      if ('waitMs' in next) {
        timer = clock.after(next.waitMs, serve)
        return
      }
      next.grant()
    }
  }

  function wait(peer: string, bytes: number, signal: AbortSignal | undefined): Promise<void> | undefined {
    let granted = false
    const waiter: Waiter = {
      peer,
      bytes,
      small: bytes <= Math.min(SMALL_BYTES, turns.pieceBytes() / 2),
      grant() {
        granted = true
      },
      end() {},
    }
    turns.add(waiter)
    serve()
    if (granted) return undefined
    waiters.add(waiter)
    return waitFor((resolve, reject) => {
      waiter.grant = resolve
      waiter.end = reject
      return () => {
        waiters.delete(waiter)
        turns.remove(waiter)
      }
    }, signal)
  }

  return {
    get waiting() {
      return turns.waiting
    },
    pieceBytes: () => turns.pieceBytes(),
    take(peer, bytes, signal) {
      if (closed) throw new ProtocolError('CLOSED')
      const { total, perPeer } = rates()
      if (Math.min(total, perPeer) === Number.POSITIVE_INFINITY) return undefined
      signal?.throwIfAborted()
      return wait(peer, bytes, signal)
    },
    changed: serve,
    close() {
      closed = true
      timer?.stop()
      for (const waiter of waiters) waiter.end(new ProtocolError('CLOSED'))
    },
  }
}
