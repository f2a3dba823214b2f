import type { MultiaddrConnection, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { AbstractStreamMuxer } from '@libp2p/utils'
import type { Clock } from '../../../base/clock.ts'
import { createTokenBucket, type TokenBucket } from '../../../base/token-bucket.ts'
import { MUXER, MUXER_FRAMES } from '../limits.ts'
import type { RtcChannel, RtcLink } from './link.ts'
import { ChannelStream } from './stream.ts'

export interface ChannelMuxerInit {
  link: RtcLink
  /** of a stream, kept while nobody reads it */
  maxReadBytes: number
  clock: Clock
  /** The peer has opened more than it may, and is cut off. */
  refused(reason: 'rate'): void
  /** told of each muxer that is made, in the same turn in which libp2p asks for it */
  made?(judge: StreamJudge): void
}

/** Whether a peer may open another stream; whoever has more to say of it puts another function in its place. */
export interface StreamJudge {
  mayOpen: () => boolean
}

const PROTOCOL = '/webrtc'

/** Has libp2p's streams in the data channels of a link. */
export function channelMuxer(init: ChannelMuxerInit): StreamMuxerFactory {
  return {
    protocol: PROTOCOL,
    createStreamMuxer: connection => new ChannelMuxer(connection as MultiaddrConnection, init) as StreamMuxer,
  }
}

class ChannelMuxer extends AbstractStreamMuxer<ChannelStream> {
  readonly #init: ChannelMuxerInit
  readonly #opened: TokenBucket
  readonly #judge: StreamJudge = { mayOpen: () => true }
  #last = 0

  constructor(connection: MultiaddrConnection, init: ChannelMuxerInit) {
    super(connection, { protocol: PROTOCOL, name: 'muxer', maxEarlyStreams: MUXER.maxEarlyStreams })
    this.#init = init
    const { link, clock, made = () => undefined } = init
    this.#opened = createTokenBucket(MUXER_FRAMES.openPerSecond, MUXER_FRAMES.openBurst, () =>
      clock.monotonic(),
    )
    made(this.#judge)
    // once whoever has made it listens
    queueMicrotask(() => link.onChannel(channel => this.#take(channel)))
  }

  override onCreateStream(): ChannelStream {
    return this.#stream(this.#init.link.open(), 'outbound')
  }

  override onData(): void {
    // everything comes in channels
  }

  /** What had not ended before is cut short: nobody shall take it for all. */
  override onTransportClosed(error = new Error('the connection has ended')): void {
    super.onTransportClosed(error)
  }

  #take(channel: RtcChannel): void {
    if (this.status !== 'open') return void channel.close()
    const inbound = this.streams.filter(({ direction }) => direction === 'inbound').length
    const mayOpen = inbound < MUXER.maxInboundStreams && this.#opened.tryTake(1) && this.#judge.mayOpen()
    if (mayOpen) return void this.onRemoteStream(this.#stream(channel, 'inbound'))
    channel.close()
    this.#init.refused('rate')
    this.maConn.abort(new Error('the peer opens more streams than it may'))
  }

  #stream(channel: RtcChannel, direction: 'inbound' | 'outbound'): ChannelStream {
    const id = String(++this.#last)
    const log = this.log.newScope(`${direction}:${id}`)
    const { clock, maxReadBytes } = this.#init
    return new ChannelStream(channel, { id, direction, log, clock, maxReadBytes })
  }
}
