import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { Countdown } from '../../base/deadline.ts'
import { ProtocolError } from '../errors.ts'
import { type WaitOptions, waitFor } from './wait.ts'

/** Above this many unread bytes the stream is paused: enough to cover a scheduling gap at 200 MiB/s. */
const PAUSE_ABOVE_BYTES = 1024 * 1024
/** Below this it runs again: early enough that the window reopens before the queue runs dry. */
const RESUME_BELOW_BYTES = 256 * 1024

export interface StreamReader {
  /** bytes that have arrived here and were not read yet */
  readonly bufferedBytes: number
  /** Whether everything was read and the other side closed its writing end. */
  readonly ended: boolean
  /** Exactly `length` bytes. Throws TRUNCATED on an early end, CONNECTION_LOST on a reset, TIMEOUT, or the signal's reason. */
  exact(length: number, options?: WaitOptions): Promise<Uint8Array>
  /** Fills the whole target. Throws as `exact`. */
  into(target: Uint8Array, options?: WaitOptions): Promise<void>
  /** True when a byte can be read, false at the end of the stream. */
  hasMore(options?: WaitOptions): Promise<boolean>
  /** Takes the listeners off; what arrives later is left to the stream. */
  detach(): void
}

/**
 * Reads a libp2p stream with real back-pressure: the stream's own iterator has none (a slow reader grows without bound,
 * or is aborted at 4 MiB). Must be made as soon as the stream is there: a listener that comes after the remote's half
 * close hears nothing. One reader per stream, one read at a time.
 *
 * The end of a stream proves nothing about completeness; callers know the length of what they expect.
 */
export function createStreamReader(stream: Stream): StreamReader {
  return new Reader(stream)
}

class Reader implements StreamReader {
  readonly #stream: Stream
  #queue: Uint8Array[] = []
  #head = 0
  #queued = 0
  #ended = false
  #error: ProtocolError | undefined
  #resuming = false
  #wake: (() => void) | undefined

  constructor(stream: Stream) {
    this.#stream = stream
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

  async exact(length: number, options: WaitOptions = {}): Promise<Uint8Array> {
    const target = new Uint8Array(length)
    await this.into(target, options)
    return target
  }

  async into(target: Uint8Array, { signal, timeoutMs }: WaitOptions = {}): Promise<void> {
    let limit: Countdown | undefined
    let late = false
    const onLate = (): void => {
      late = true
      this.#wakeUp()
    }
    let filled = 0
    try {
      while (filled < target.length) {
        const count = this.#take(target, filled)
        filled += count
        if (count > 0) continue
        if (this.#ended) throw this.#error ?? new ProtocolError('TRUNCATED')
        if (late) throw new ProtocolError('TIMEOUT')
        // one for all the waits: drips of bytes do not prolong it
        if (timeoutMs !== undefined) limit ??= new Countdown(timeoutMs, onLate)
        await this.#wait({ signal })
      }
    } finally {
      limit?.stop()
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
    if (event.error !== undefined) this.#finish(lost(event.error))
    else this.#checkEnd()
  }

  /** 'end' comes before 'close' also on a reset, and bytes may be pushed back after it: only status and buffer tell. */
  #checkEnd = (): void => {
    const stream = this.#stream
    if (!stream.readableEnded || stream.readBufferLength > 0) return
    const broken = stream.status === 'reset' || stream.status === 'aborted'
    this.#finish(broken ? lost() : undefined)
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
    return waitFor(resolve => {
      this.#wake = resolve
      return () => {
        this.#wake = undefined
      }
    }, options)
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

function lost(cause?: unknown): ProtocolError {
  return new ProtocolError('CONNECTION_LOST', cause === undefined ? {} : { cause })
}
