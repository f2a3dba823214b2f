import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { concatBytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { ProtocolError } from '../errors.ts'
import type { PeerLine } from '../quota/bandwidth.ts'
import { type PathEnds, pathEnds } from './path-ends.ts'
import { createPatience } from './patience.ts'
import { type WaitOptions, waitFor } from './wait.ts'

/** Above this many unread bytes the stream is paused: enough to cover a scheduling gap at 200 MiB/s. */
const PAUSE_ABOVE_BYTES = 1024 * 1024
/** Below this it runs again: early enough that the window reopens before the queue runs dry. */
const RESUME_BELOW_BYTES = 256 * 1024

export interface ReadOptions extends WaitOptions {
  /** Called with the bytes of each piece, as it is taken. */
  onBytes?: ((bytes: number) => void) | undefined
}

export interface FillOptions extends ReadOptions {
  /** Called once with how many bytes of the target were filled, also when the rest did not come. */
  filled?: (bytes: number) => void
}

/** Reads a stream by exact lengths, each wait with a limit. */
export interface StreamReader {
  /** bytes that have arrived here and were not read yet */
  readonly bufferedBytes: number
  /** Whether everything was read and the other side closed its writing end. */
  readonly ended: boolean
  /** Exactly `length` bytes. Throws TRUNCATED on an early end, CONNECTION_LOST on a reset (PATH_LOST for both on a relayed path), TIMEOUT, or the signal's reason. */
  exact(length: number, options?: ReadOptions): Promise<Uint8Array>
  /** Fills the whole target. Throws as `exact`. */
  into(target: Uint8Array, options?: FillOptions): Promise<void>
  /** True when a byte can be read, false at the end of the stream. */
  hasMore(options?: WaitOptions): Promise<boolean>
  /** Takes the listeners off; what arrives later is left to the stream. */
  detach(): void
  /** The same, and returns what has arrived and was not read: the stream goes on in other hands. It may be paused. */
  release(): Uint8Array
}

/**
 * Reads a libp2p stream with real back-pressure: the stream's own iterator has none (a slow reader grows without bound,
 * or is aborted at 4 MiB). Must be made as soon as the stream is there: a listener that comes after the remote's half
 * close hears nothing. One reader per stream, one read at a time.
 *
 * The end of a stream proves nothing about completeness; callers know the length of what they expect. What has arrived
 * waits for its turn on the `line`, which no time limit counts.
 */
export function createStreamReader(
  stream: Stream,
  clock: Clock,
  ends: PathEnds = pathEnds(),
  line?: PeerLine,
): StreamReader {
  return new Reader(stream, clock, ends, line)
}

class Reader implements StreamReader {
  readonly #stream: Stream
  readonly #clock: Clock
  readonly #ends: PathEnds
  readonly #line: PeerLine | undefined
  #queue: Uint8Array[] = []
  #head = 0
  #queued = 0
  #ended = false
  #error: ProtocolError | undefined
  #resuming = false
  #wake: (() => void) | undefined

  constructor(stream: Stream, clock: Clock, ends: PathEnds, line: PeerLine | undefined) {
    this.#stream = stream
    this.#clock = clock
    this.#ends = ends
    this.#line = line
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('end', this.#checkEnd)
    stream.addEventListener('close', this.#onClose)
    this.#checkEnd()
  }

  get bufferedBytes(): number {
    return this.#queued
  }

  get ended(): boolean {
    return this.#ended && this.#queued === 0
  }

  async exact(length: number, options: ReadOptions = {}): Promise<Uint8Array> {
    const target = new Uint8Array(length)
    await this.into(target, options)
    return target
  }

  async into(target: Uint8Array, options: FillOptions = {}): Promise<void> {
    const { signal, timeoutMs } = options
    // one for all the waits: drips of bytes do not prolong it
    using patience = createPatience(this.#clock, timeoutMs, () => this.#wakeUp())
    let filled = 0
    try {
      while (filled < target.length) {
        if (this.#queued > 0) {
          const ready = Math.min(
            this.#queued,
            target.length - filled,
            this.#line?.pieceBytes('down') ?? this.#queued,
          )
          const turn = this.#line?.move('down', ready, signal)
          if (turn !== undefined) await patience.excusing(turn)
          const taken = this.#take(target.subarray(0, filled + ready), filled)
          filled += taken
          options.onBytes?.(taken)
          continue
        }
        if (this.#ended) throw this.#error ?? this.#ends.truncated()
        if (patience.isOver) throw new ProtocolError('TIMEOUT')
        await this.#wait({ signal })
      }
    } finally {
      options.filled?.(filled)
    }
  }

  async hasMore(options: WaitOptions = {}): Promise<boolean> {
    while (this.#queued === 0) {
      if (this.#error !== undefined) throw this.#error
      if (this.#ended) return false
      await this.#wait(options)
    }
    return true
  }

  detach(): void {
    this.#stream.removeEventListener('message', this.#onMessage)
    this.#stream.removeEventListener('end', this.#checkEnd)
    this.#stream.removeEventListener('close', this.#onClose)
    this.#finish(new ProtocolError('CLOSED'))
    this.#queue = []
    this.#head = 0
    this.#queued = 0
  }

  release(): Uint8Array {
    const rest = concatBytes(...this.#queue.slice(this.#head))
    this.detach()
    return rest
  }

  #onMessage = (event: StreamMessageEvent): void => {
    const data = event.data
    if (data instanceof Uint8Array) this.#queue.push(data)
    else for (const chunk of data) this.#queue.push(chunk)
    this.#queued += data.byteLength
    // a pause inside the handler that resume() runs would be undone when resume() goes on: #resume does it afterwards
    if (!this.#resuming) this.#pauseWhenFull()
    this.#checkEnd()
    this.#wakeUp()
  }

  #onClose = (event: StreamCloseEvent): void => {
    if (event.error !== undefined) this.#finish(this.#ends.lost(event.error))
    else this.#checkEnd()
  }

  /** 'end' comes before 'close' also on a reset, and bytes may be pushed back after it: only status and buffer tell. */
  #checkEnd = (): void => {
    const stream = this.#stream
    if (!stream.readableEnded || stream.readBufferLength > 0) return
    const broken = stream.status === 'reset' || stream.status === 'aborted'
    this.#finish(broken ? this.#ends.lost() : undefined)
  }

  #finish(error: ProtocolError | undefined): void {
    this.#ended = true
    this.#error ??= error
    this.#wakeUp()
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  #wait(options: WaitOptions): Promise<void> {
    if (this.#resume()) return Promise.resolve()
    const arm = (resolve: () => void) => {
      this.#wake = resolve
      return () => {
        this.#wake = undefined
      }
    }
    return waitFor(this.#clock, arm, options)
  }

  /** Copies what is queued into the target from `at`; returns the number of bytes. */
  #take(target: Uint8Array, at: number): number {
    let filled = at
    while (filled < target.length && this.#head < this.#queue.length) {
      const chunk = this.#queue[this.#head]!
      const count = Math.min(chunk.length, target.length - filled)
      target.set(count === chunk.length ? chunk : chunk.subarray(0, count), filled)
      filled += count
      this.#queued -= count
      if (count === chunk.length) this.#head++
      else this.#queue[this.#head] = chunk.subarray(count)
    }
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    }
    if (this.#queued <= RESUME_BELOW_BYTES) this.#resume()
    return filled - at
  }

  #pauseWhenFull(): void {
    if (this.#queued >= PAUSE_ABOVE_BYTES && this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  /** Lets the stream run again; true when that brought bytes or the end at once. */
  #resume(): boolean {
    if (this.#stream.readStatus === 'paused' && !this.#resuming) {
      this.#resuming = true
      try {
        this.#stream.resume()
      } finally {
        this.#resuming = false
      }
      this.#pauseWhenFull()
    }
    return this.#queued > 0 || this.#ended
  }
}
