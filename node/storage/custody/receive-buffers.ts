import type { Clock } from '../../../base/clock.ts'
import type { Timer } from '../../../base/timers.ts'

/**
 * Memory for slivers on their way in, used again from one to the next. New memory for each would be cleared first, and
 * every 64 MiB of it make the engine mark its whole heap, which costs more than everything else in an upload.
 */
export interface ReceiveBuffers {
  /** So many bytes, with anything in them. */
  take(bytes: number): Uint8Array
  /** Gives them back: from here on they may be overwritten. */
  give(buffer: Uint8Array): void
}

/** Kept at most: what one upload of large slivers uses at a time. */
const KEPT_BYTES = 32 * 1024 * 1024
/** as the codec's memory: until the next blob of the same client has been encoded */
const IDLE_MS = 10_000
/** Both axes of a blob share buffers (one sliver is up to twice as long as the other), a large one is not wasted on crumbs. */
const MAX_RATIO = 4

export function createReceiveBuffers(clock: Clock, keptBytes = KEPT_BYTES): ReceiveBuffers {
  /** smallest first */
  const free: ArrayBufferLike[] = []
  let freeBytes = 0
  let timer: Timer | undefined

  return {
    take(bytes) {
      const at = free.findIndex(({ byteLength }) => byteLength >= bytes)
      const found = at < 0 ? undefined : free[at]
      if (found === undefined || found.byteLength > bytes * MAX_RATIO) return new Uint8Array(bytes)
      free.splice(at, 1)
      freeBytes -= found.byteLength
      return new Uint8Array(found, 0, bytes)
    },
    give({ buffer }) {
      if (freeBytes + buffer.byteLength > keptBytes) return
      const at = free.findIndex(({ byteLength }) => byteLength >= buffer.byteLength)
      free.splice(at < 0 ? free.length : at, 0, buffer)
      freeBytes += buffer.byteLength
      timer?.stop()
      const forget = () => {
        free.length = 0
        freeBytes = 0
      }
      timer = clock.after(IDLE_MS, forget, { background: true })
    },
  }
}
