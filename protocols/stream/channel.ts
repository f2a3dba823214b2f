import type { Stream } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { ProtocolError } from '../errors.ts'
import type { PeerLine } from '../quota/bandwidth.ts'
import { encodeFrame, readFrame } from './frame.ts'
import { type PathEnds, pathEnds } from './path-ends.ts'
import { createStreamReader, type ReadOptions, type StreamReader } from './reader.ts'
import type { WaitOptions } from './wait.ts'
import { createStreamWriter, type StreamWriter } from './writer.ts'

/** One stream as both ends of a protocol use it: frames for messages, reader and writer for bodies. */
export interface Channel {
  readonly reader: StreamReader
  readonly writer: StreamWriter
  /** Whether both directions are still open. */
  readonly open: boolean
  /** Writes one frame. */
  send(payload: Uint8Array, options?: WaitOptions): Promise<void>
  /** Reads one frame of at most `maxBytes`. */
  receive(maxBytes: number, options?: ReadOptions): Promise<Uint8Array>
  /** Resets the stream, unless it is over already. */
  abort(error: Error): void
  /** Closes the writing end and waits up to `timeoutMs` for the other side's; resets when that does not come. */
  close(options?: WaitOptions): Promise<void>
}

/**
 * `ends` says how the stream's end is told of: that of a direct connection when absent. What moves waits for its turn on the
 * `line`, if there is one.
 */
export function createChannel(
  stream: Stream,
  clock: Clock,
  ends: PathEnds = pathEnds(),
  line?: PeerLine,
): Channel {
  const reader = createStreamReader(stream, clock, ends, line)
  const writer = createStreamWriter(stream, clock, ends, line)
  const channel: Channel = {
    reader,
    writer,
    get open() {
      return stream.status === 'open' && stream.writeStatus === 'writable' && !reader.ended
    },
    send: (payload, options) => writer.write(encodeFrame(payload), options),
    receive: (maxBytes, options) => readFrame(reader, maxBytes, options),
    abort(error) {
      stream.abort(error)
    },
    async close(options) {
      try {
        await writer.close(options)
        if (await reader.hasMore(options)) throw new ProtocolError('VIOLATION')
      } catch (error) {
        stream.abort(error instanceof Error ? error : new ProtocolError('CLOSED', { cause: error }))
      }
    },
  }
  return channel
}
