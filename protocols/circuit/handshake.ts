import type { Stream } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { CIRCUIT } from '../specs.ts'
import { encodeFrame, readFrame } from '../stream/frame.ts'
import { createStreamReader } from '../stream/reader.ts'
import type { Message } from '../wire.ts'

/** The messages with which a circuit begins; then the same stream carries its bytes. */
export interface Handshake {
  readonly stream: Stream
  /** Throws TOO_LARGE, MALFORMED, VIOLATION, TRUNCATED, CONNECTION_LOST, or the signal's reason. */
  read<T>(type: Message<T>, signal: AbortSignal): Promise<T>
  /** Leaves at once, before whatever is sent next. Throws when the stream is over. */
  write<T>(type: Message<T>, value: T): void
  /** The last message was read: returns what came behind it. */
  release(): Uint8Array
  /**
   * The last word was said: it arrives, as the stream is closed and not reset, and whatever comes is thrown away: what nobody listens
   * to is kept else, beyond any window. Throws as the stream's `close`.
   */
  end(signal: AbortSignal): Promise<void>
}

/** Must be made as soon as the stream is there. */
export function createHandshake(stream: Stream, clock: Clock): Handshake {
  const reader = createStreamReader(stream, clock)
  return {
    stream,
    read: async (type, signal) => type.decode(await readFrame(reader, CIRCUIT.maxMessageBytes, { signal })),
    write: (type, value) => void stream.send(encodeFrame(type.encode(value))),
    release: () => reader.release(),
    async end(signal) {
      reader.release()
      await stream.closeRead({ signal })
      await stream.close({ signal })
    },
  }
}
