import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Stream } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { createStreamReader, createStreamWriter, HTTP, type StreamReader } from '../../protocols/index.ts'

/**
 * A libp2p stream as node:http takes a socket: with back-pressure both ways. `remoteAddress` is whom its connection counts for. Must
 * be made as soon as the stream is there.
 */
export function streamSocket(stream: Stream, remoteAddress: string, clock: Clock): Socket {
  // what node:http asks of a socket beyond a duplex, it does without: limits on time are those of who uses it
  return new StreamSocket(stream, remoteAddress, clock) as unknown as Socket
}

/** What is read or written at a time. */
const PIECE_BYTES = 256 * 1024

class StreamSocket extends Duplex {
  readonly remoteAddress: string
  readonly #stream: Stream
  readonly #reader: StreamReader
  readonly #writer: ReturnType<typeof createStreamWriter>
  #isReading = false

  constructor(stream: Stream, remoteAddress: string, clock: Clock) {
    super({ allowHalfOpen: true, readableHighWaterMark: PIECE_BYTES, writableHighWaterMark: PIECE_BYTES })
    this.remoteAddress = remoteAddress
    this.#stream = stream
    this.#reader = createStreamReader(stream, clock)
    this.#writer = createStreamWriter(stream, clock)
  }

  override _read(): void {
    if (this.#isReading) return
    this.#isReading = true
    this.#next().then(
      piece => {
        this.#isReading = false
        this.push(piece)
      },
      error => this.destroy(error),
    )
  }

  async #next(): Promise<Uint8Array | null> {
    if (!(await this.#reader.hasMore())) return null
    return this.#reader.exact(Math.min(this.#reader.bufferedBytes, PIECE_BYTES))
  }

  override _write(chunk: Uint8Array, _: BufferEncoding, done: (error?: Error) => void): void {
    // the stream sends the very bytes later on, and node:http may use them again
    this.#writer.write(Uint8Array.from(chunk), { timeoutMs: HTTP.stallMs }).then(() => done(), done)
  }

  override _final(done: (error?: Error) => void): void {
    this.#writer.close({ timeoutMs: HTTP.stallMs }).then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const isOver = this.readableEnded && this.writableFinished
    if (!isOver) this.#stream.abort(error ?? new Error('closed on this side'))
    this.#reader.detach()
    done(error)
  }
}
