import type { Stream, StreamCloseEvent } from '@libp2p/interface'
import { concatBytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { afterPromises } from '../../base/turn.ts'
import { peerDeadline } from '../deadline.ts'
import type { PeerLine } from '../quota/bandwidth.ts'
import { type PathEnds, pathEnds } from './path-ends.ts'
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
   * Throws CONNECTION_LOST (PATH_LOST on a relayed path), TIMEOUT, or the signal's reason. One write at a time.
   */
  write(bytes: Uint8Array, options?: WaitOptions): Promise<void>
  /** Closes the writing end, once everything has left. */
  close(options?: WaitOptions): Promise<void>
}

/**
 * Writes to a libp2p stream with back-pressure. Waits for the `drain` event itself: `onDrain()` works only once. What is
 * written waits for its turn on the `line`, which no time limit counts.
 */
export function createStreamWriter(
  stream: Stream,
  clock: Clock,
  ends: PathEnds = pathEnds(),
  line?: PeerLine,
): StreamWriter {
  return new Writer(stream, clock, ends, line)
}

class Writer implements StreamWriter {
  readonly #stream: Stream
  readonly #clock: Clock
  readonly #ends: PathEnds
  readonly #line: PeerLine | undefined
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0

  constructor(stream: Stream, clock: Clock, ends: PathEnds, line: PeerLine | undefined) {
    this.#stream = stream
    this.#clock = clock
    this.#ends = ends
    this.#line = line
  }

  async write(bytes: Uint8Array, options: WaitOptions = {}): Promise<void> {
    if (bytes.length <= SMALL_WRITE_BYTES) {
      options.signal?.throwIfAborted()
      const turn = this.#line?.move('up', bytes.length, options.signal)
      if (turn !== undefined) await turn
      this.#gather(bytes)
      await this.#drained(options)
      return
    }
    this.#flush()
    for (let at = 0; at < bytes.length; ) {
      options.signal?.throwIfAborted()
      const piece = Math.min(
        bytes.length - at,
        WRITE_CHUNK_BYTES,
        this.#line?.pieceBytes('up') ?? WRITE_CHUNK_BYTES,
      )
      const turn = this.#line?.move('up', piece, options.signal)
      if (turn !== undefined) await turn
      this.#send(bytes.length === piece ? bytes : bytes.subarray(at, at + piece))
      at += piece
      await this.#drained(options)
    }
  }

  async close({ signal, timeoutMs }: WaitOptions = {}): Promise<void> {
    this.#flush()
    using limit = timeoutMs === undefined ? undefined : peerDeadline(this.#clock, timeoutMs, signal)
    const either = limit?.signal ?? signal
    try {
      await this.#stream.close({ signal: either })
    } catch (cause) {
      signal?.throwIfAborted()
      throw this.#ends.lost(cause)
    }
  }

  #gather(bytes: Uint8Array): void {
    if (this.#stream.writeStatus !== 'writable') throw this.#ends.lost()
    if (this.#gatheredBytes === 0) afterPromises(() => this.#flushOrDrop())
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.length
    if (this.#gatheredBytes >= GATHERED_BYTES) this.#flush()
  }

  #flush(): void {
    if (this.#gatheredBytes === 0) return
    const parts = this.#gathered
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#send(parts.length === 1 ? parts[0]! : concatBytes(...parts))
  }

  /** Nobody waits here: that the stream is over is told by the next write, or the next read. */
  #flushOrDrop(): void {
    try {
      this.#flush()
    } catch {
      this.#gathered = []
    }
  }

  #send(chunk: Uint8Array): void {
    if (this.#stream.writeStatus !== 'writable') throw this.#ends.lost()
    try {
      this.#stream.send(chunk)
    } catch (cause) {
      throw this.#ends.lost(cause)
    }
  }

  /** A drain may have made room for a part only, so what counts is the state after it, not the event. */
  async #drained(options: WaitOptions): Promise<void> {
    const stream = this.#stream
    while (stream.writableNeedsDrain) {
      if (stream.writeStatus !== 'writable') throw this.#ends.lost()
      await waitFor(
        this.#clock,
        (resolve, reject) => {
          const onClose = (event: StreamCloseEvent): void => reject(this.#ends.lost(event.error))
          stream.addEventListener('drain', resolve)
          stream.addEventListener('close', onClose)
          return () => {
            stream.removeEventListener('drain', resolve)
            stream.removeEventListener('close', onClose)
          }
        },
        options,
      )
    }
    if (stream.status === 'aborted' || stream.status === 'reset') throw this.#ends.lost()
  }
}
