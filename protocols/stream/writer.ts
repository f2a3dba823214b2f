import type { Stream, StreamCloseEvent } from '@libp2p/interface'
import { ProtocolError } from '../errors.ts'
import { type WaitOptions, waitFor } from './wait.ts'

/** Writes of 64 KiB to 1 MiB run equally fast, smaller ones cost twice; more would only deepen the buffers. */
export const WRITE_CHUNK_BYTES = 256 * 1024

export interface StreamWriter {
  /**
   * Writes all bytes, a chunk at a time, each only once the stream has taken the one before. `timeoutMs` holds per
   * chunk, so that it is a lowest speed. The bytes must not be changed afterwards: the last chunk may still be under way.
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

  constructor(stream: Stream) {
    this.#stream = stream
  }

  async write(bytes: Uint8Array, options: WaitOptions = {}): Promise<void> {
    for (let at = 0; at < bytes.length; at += WRITE_CHUNK_BYTES) {
      options.signal?.throwIfAborted()
      this.#send(bytes.length <= WRITE_CHUNK_BYTES ? bytes : bytes.subarray(at, at + WRITE_CHUNK_BYTES))
      await this.#drained(options)
    }
  }

  async close({ signal, timeoutMs }: WaitOptions = {}): Promise<void> {
    const limits = [signal, timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)]
    const signals = limits.filter(limit => limit !== undefined)
    try {
      await this.#stream.close(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) })
    } catch (cause) {
      signal?.throwIfAborted()
      throw lost(cause)
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
