import type { AbortOptions, Logger, MessageStreamDirection } from '@libp2p/interface'
import { AbstractStream, type SendResult } from '@libp2p/utils'
import { raceSignal } from 'race-signal'
import type { Clock } from '../../../base/clock.ts'
import { WEB_RTC } from '../limits.ts'
import { decodeFrames, encodeFrame, FLAG, FRAME_OVERHEAD_BYTES, type Frame } from './framing.ts'
import type { RtcChannel } from './link.ts'

export interface ChannelStreamInit {
  id: string
  direction: MessageStreamDirection
  log: Logger
  /** kept of what comes while nobody reads; then the stream is reset */
  maxReadBytes: number
  clock: Clock
}

type Data = Parameters<AbstractStream['sendData']>[0]

/**
 * A data channel as libp2p has streams. WebRTC knows no way to have a sender wait: what comes while the reader has paused is kept up to a
 * limit, and then the stream is reset.
 */
export class ChannelStream extends AbstractStream {
  readonly #channel: RtcChannel
  readonly #clock: Clock
  readonly #acknowledged = Promise.withResolvers<void>()

  constructor(channel: RtcChannel, { clock, maxReadBytes, ...init }: ChannelStreamInit) {
    super({ ...init, maxReadBufferLength: maxReadBytes })
    this.#channel = channel
    this.#clock = clock
    // a stream that is over keeps no channel: a browser has a thousand
    this.addEventListener('close', () => channel.close())
    channel.listen({
      opened: () => this.safeDispatchEvent('drain'),
      drained: () => this.safeDispatchEvent('drain'),
      message: bytes => this.#take(bytes),
      closed: () => this.#end(),
    })
  }

  override sendData(data: Data): SendResult {
    if (!this.#channel.isOpen) return { sentBytes: 0, canSendMore: false }
    let sentBytes = 0
    while (sentBytes < data.byteLength && this.#hasRoom()) {
      const end = Math.min(sentBytes + WEB_RTC.messageBytes - FRAME_OVERHEAD_BYTES, data.byteLength)
      this.#channel.send(encodeFrame({ message: data.subarray(sentBytes, end) }))
      sentBytes = end
    }
    return { sentBytes, canSendMore: this.#hasRoom() }
  }

  #hasRoom(): boolean {
    return this.#channel.bufferedBytes < WEB_RTC.bufferedBytes
  }

  /** A channel that closes takes along what is on its way: it stays until the peer has it all. */
  override async sendCloseWrite({ signal }: AbortOptions = {}): Promise<void> {
    this.#tell(FLAG.FIN)
    const acknowledged = this.#clock.settlesWithin(this.#acknowledged.promise, WEB_RTC.finAckMs)
    await raceSignal(acknowledged, signal)
  }

  override async sendCloseRead(): Promise<void> {
    this.#tell(FLAG.STOP_SENDING)
  }

  override sendReset(): void {
    this.#tell(FLAG.RESET)
  }

  override sendPause(): void {
    // what comes is kept by the library, up to its limit
  }

  override sendResume(): void {
    // the library gives what it has kept
  }

  #tell(flag: number): void {
    if (this.#channel.isOpen) this.#channel.send(encodeFrame({ flag }))
  }

  #take(bytes: Uint8Array): void {
    const frames = bytes.length > WEB_RTC.messageBytes ? undefined : decodeFrames(bytes)
    if (frames === undefined) return void this.abort(new Error('the peer sent what is no frame'))
    for (const frame of frames) this.#takeFrame(frame)
  }

  #takeFrame({ flag, message }: Frame): void {
    if (message !== undefined) this.onData(message)
    if (flag === FLAG.FIN) {
      this.#tell(FLAG.FIN_ACK)
      this.onRemoteCloseWrite()
    } else if (flag === FLAG.STOP_SENDING) this.onRemoteCloseRead()
    else if (flag === FLAG.RESET) this.onRemoteReset()
    else if (flag === FLAG.FIN_ACK) this.#acknowledged.resolve()
  }

  /** Without a FIN it is an end that nobody has meant. */
  #end(): void {
    this.#acknowledged.resolve()
    if (this.remoteWriteStatus !== 'closed') this.onRemoteReset()
    else this.onTransportClosed()
  }
}
