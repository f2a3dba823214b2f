import type { Stream, StreamCloseEvent } from '@libp2p/interface'
import { deadline } from '../deadline.ts'
import { ProtocolError } from '../errors.ts'
import { type WaitOptions, waitFor } from './wait.ts'

/**
 * Four of noise's largest messages, less yamux's header: 256 KiB would take a fifth message for a few bytes, and a second
 * frame where the window has its first size, both with an answer. Smaller writes cost more; larger ones would only
 * deepen the buffers.
 */
export const WRITE_CHUNK_BYTES = 4 * 65_519 - 12

/** Up to this, a write waits for others of the same turn: every frame costs its encryption and a system call. */
const SMALL_WRITE_BYTES = 16 * 1024
/** What waits at most. */
const GATHERED_BYTES = 64 * 1024

export interface StreamWriter {
  /**
   * Writes all bytes, a chunk at a time, each only once the stream has taken the one before. `timeoutMs` holds per
   * chunk, so that it is a lowest speed. The bytes must not be changed afterwards: the last chunk may still be under way.
   * Small writes that follow each other without a pause leave together, at the end of the turn.
   * Throws CONNECTION_LOST, TIMEOUT, or the signal's reason. One write at a time.
   */
  write(bytes: Uint8Array, options?: WaitOptions): Promise<void>
  /** Closes the writing end, once everything has left. */
  close(options?: WaitOptions): Promise<void>
}

/** Writes to a libp2p stream with back-pressure. Waits for the `drain` event itself: `onDrain()` works only once. */
export function createStreamWriter(stream: Stream): StreamWriter {
  return new Writer(stream)
}

class Writer implements StreamWriter {
  readonly #stream: Stream
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0

  constructor(stream: Stream) {
    this.#stream = stream
  }

  async write(bytes: Uint8Array, options: WaitOptions = {}): Promise<void> {
    if (bytes.length <= SMALL_WRITE_BYTES) {
      options.signal?.throwIfAborted()
      this.#gather(bytes)
      await this.#drained(options)
      return
    }
    this.#flush()
    for (let at = 0; at < bytes.length; at += WRITE_CHUNK_BYTES) {
      options.signal?.throwIfAborted()
      this.#send(bytes.length <= WRITE_CHUNK_BYTES ? bytes : bytes.subarray(at, at + WRITE_CHUNK_BYTES))
      await this.#drained(options)
    }
  }

  async close({ signal, timeoutMs }: WaitOptions = {}): Promise<void> {
    this.#flush()
    using limit = timeoutMs === undefined ? undefined : deadline(timeoutMs, signal)
    const either = limit?.signal ?? signal
    try {
      await this.#stream.close(either === undefined ? {} : { signal: either })
    } catch (cause) {
      signal?.throwIfAborted()
      throw lost(cause)
    }
  }

  #gather(bytes: Uint8Array): void {
    if (this.#stream.writeStatus !== 'writable') throw lost()
    // a tick comes after all promises that are settled by now have been followed
    if (this.#gatheredBytes === 0) process.nextTick(() => this.#flushOrDrop())
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.length
    if (this.#gatheredBytes >= GATHERED_BYTES) this.#flush()
  }

  #flush(): void {
    if (this.#gatheredBytes === 0) return
    const parts = this.#gathered
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#send(parts.length === 1 ? parts[0]! : Buffer.concat(parts))
  }

  /** Nobody waits here: that the stream is over is told by the next write, or to whoever reads from it. */
  #flushOrDrop(): void {
    try {
      this.#flush()
    } catch {
      this.#gathered = []
    }
  }

  #send(chunk: Uint8Array): void {
    if (this.#stream.writeStatus !== 'writable') throw lost()
    try {
      this.#stream.send(chunk)
    } catch (cause) {
      throw lost(cause)
    }
  }

  /** A drain may have made room for a part only, so what counts is the state after it, not the event. */
  async #drained(options: WaitOptions): Promise<void> {
    const stream = this.#stream
    while (stream.writableNeedsDrain) {
      if (stream.writeStatus !== 'writable') throw lost()
      await waitFor((resolve, reject) => {
        const onClose = (event: StreamCloseEvent): void => reject(lost(event.error))
        stream.addEventListener('drain', resolve)
        stream.addEventListener('close', onClose)
        return () => {
          stream.removeEventListener('drain', resolve)
          stream.removeEventListener('close', onClose)
        }
      }, options)
    }
    if (stream.status === 'aborted' || stream.status === 'reset') throw lost()
  }
}

function lost(cause?: unknown): ProtocolError {
  return new ProtocolError('CONNECTION_LOST', cause === undefined ? {} : { cause })
}
