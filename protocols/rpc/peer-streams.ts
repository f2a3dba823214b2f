import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { createSemaphore } from '../../base/semaphore.ts'
import type { Timer } from '../../base/timers.ts'
import { CLIENT } from '../specs.ts'
import type { ClientStream } from './client-stream.ts'

/** The streams of one protocol to one peer. */
export interface PeerStreams {
  /** Waits for one of the peer's slots; the result frees it. */
  enter(signal?: AbortSignal): Promise<() => void>
  /** The stream of this connection used last, if one is idle and still open. Those of other connections, which are worse, are reset. */
  takeIdle(connection: Connection): ClientStream | undefined
  /** Keeps a stream for the next request, for a while. */
  keep(stream: ClientStream): void
  /** Resets the idle streams. */
  clear(): void
}

/**
 * A new stream is only opened when none is idle, so the slots in use bound the open streams as well. `onEmpty` is called
 * when nothing is left to remember.
 */
export function createPeerStreams(slots: number, clock: Clock, onEmpty: () => void): PeerStreams {
  const budget = createSemaphore(slots)
  const idle: { stream: ClientStream; timer: Timer }[] = []
  let entering = 0

  const checkEmpty = (): void => {
    if (entering === 0 && budget.used === 0 && idle.length === 0) onEmpty()
  }
  const expire = (stream: ClientStream): void => {
    const at = idle.findIndex(entry => entry.stream === stream)
    if (at >= 0) idle.splice(at, 1)
    void stream.channel
      .close({ timeoutMs: CLIENT.openTimeoutMs })
      .finally(() => stream.channel.reader.detach())
    checkEmpty()
  }

  return {
    async enter(signal) {
      entering++
      try {
        const slot = await budget.take(1, signal)
        return () => {
          slot.release()
          checkEmpty()
        }
      } finally {
        entering--
        checkEmpty()
      }
    },
    takeIdle(connection) {
      for (let entry = idle.pop(); entry !== undefined; entry = idle.pop()) {
        entry.timer.stop()
        if (entry.stream.channel.open && entry.stream.connection === connection) return entry.stream
        entry.stream.destroy(undefined)
      }
      return undefined
    },
    keep(stream) {
      // an idle stream is no reason for a process to go on
      const timer = clock.after(CLIENT.idleMs, () => expire(stream), { background: true })
      idle.push({ stream, timer })
    },
    clear() {
      for (const { stream, timer } of idle.splice(0)) {
        timer.stop()
        stream.destroy(undefined)
      }
      checkEmpty()
    },
  }
}
