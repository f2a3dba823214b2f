import type { StreamMessageEvent, StreamMuxerFactory } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import type { Clock } from '../../base/clock.ts'
import { createTokenBucket } from '../../base/token-bucket.ts'
import { piecesOf, watcher } from './frames.ts'
import { MUXER, MUXER_FRAMES } from './limits.ts'

const HEADER_BYTES = 12
const DATA = 0
const PING = 2
const SYN = 1

/** Why a connection was cut, from the table in `refusals.ts`. */
export type MuxerRefusal = 'size' | 'rate'

export interface BoundedYamux {
  readonly factory: () => StreamMuxerFactory
  /**
   * From now on each stream that is opened on the connection made last needs this, too. Libp2p tells the gater whose
   * connection it is in the same turn of the event loop in which it makes the multiplexer: before a frame was read.
   */
  limitLast(mayOpen: () => boolean): void
  /** Another multiplexer was made for the connection that is made now: it is the last. */
  made(judge: { mayOpen: () => boolean }): void
}

/**
 * yamux, with what the library leaves open bounded: it collects a frame of up to 4 GiB before it looks at the window that
 * the frame must fit, answers any number of pings, and opens and resets any number of streams. A peer that does that is cut off.
 * A relay has smaller windows: it holds what it reads until somebody else takes it.
 */
export function boundedYamux(
  refused: (reason: MuxerRefusal) => void,
  clock: Pick<Clock, 'monotonic'>,
  maxStreamWindowSize: number = MUXER.streamOptions.maxStreamWindowSize,
): BoundedYamux {
  const options = { ...MUXER, streamOptions: { ...MUXER.streamOptions, maxStreamWindowSize } }
  let last: { mayOpen: () => boolean } | undefined
  return {
    factory() {
      const factory = yamux(options)()
      const create = factory.createStreamMuxer.bind(factory)
      factory.createStreamMuxer = connection => {
        const judge = createFrameJudge(clock)
        last = judge
        // before the library listens, so that it can be kept from what is refused
        const watch = watcher(judge.look, reason => {
          refused(reason)
          connection.abort(new Error(`the peer's frames are over a limit: ${reason}`))
        })
        connection.addEventListener('message', watch)
        return create(connection)
      }
      return factory
    },
    limitLast(mayOpen) {
      if (last !== undefined) last.mayOpen = mayOpen
      last = undefined
    },
    made(judge) {
      last = judge
    },
  }
}

export interface FrameJudge {
  /** Why the connection is to be cut, if it is. */
  look(event: Pick<StreamMessageEvent, 'data'>): MuxerRefusal | undefined
  mayOpen: () => boolean
}

/** Reads frame headers only (version, type, flags, stream, length), and skips what is between them. */
export function createFrameJudge(clock: Pick<Clock, 'monotonic'>): FrameJudge {
  const now = () => clock.monotonic()
  const { maxDataBytes, openBurst, openPerSecond, pingBurst, pingPerSecond } = MUXER_FRAMES
  const opened = createTokenBucket(openPerSecond, openBurst, now)
  const pings = createTokenBucket(pingPerSecond, pingBurst, now)
  const header = new Uint8Array(HEADER_BYTES)
  const view = new DataView(header.buffer)
  let have = 0
  let skip = 0

  function judgeHeader(): MuxerRefusal | undefined {
    const type = header[1]
    const opens = (header[3]! & SYN) !== 0
    const length = view.getUint32(8)
    if (type === PING) return opens && !pings.tryTake(1) ? 'rate' : undefined
    if (type === DATA) {
      if (length > maxDataBytes) return 'size'
      skip = length
    }
    return opens && !(opened.tryTake(1) && judge.mayOpen()) ? 'rate' : undefined
  }

  function look(event: Pick<StreamMessageEvent, 'data'>): MuxerRefusal | undefined {
    for (const piece of piecesOf(event)) {
      for (let at = 0; at < piece.length; ) {
        if (skip > 0) {
          const skipped = Math.min(skip, piece.length - at)
          skip -= skipped
          at += skipped
          continue
        }
        header[have++] = piece[at++]!
        if (have < HEADER_BYTES) continue
        have = 0
        const reason = judgeHeader()
        if (reason !== undefined) return reason
      }
    }
    return undefined
  }
  const judge: FrameJudge = { look, mayOpen: () => true }
  return judge
}
