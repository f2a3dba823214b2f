import type { DataChannel, PeerConnection } from 'node-datachannel'
import { WEB_RTC } from '../limits.ts'
import { HeldChannel, LinkEvents } from './held.ts'
import { fingerprintFrom, type RtcLink } from './link.ts'

/** A peer connection of the native library, before it is connected. */
export interface NativeLink extends RtcLink {
  /** the first channel, that neither side announces */
  readonly handshake: HeldChannel
  /** SHA-256 of the certificate of the other side, once that is there */
  remoteFingerprint(): Uint8Array
}

/** The channel on which both sides prove who they are has a number of its own. */
const HANDSHAKE = { negotiated: true, id: 0 } as const

/**
 * Puts a link on the native library's connection. What a callback throws would end the process, and a channel whose end nobody hears of
 * would keep it: each has all its listeners.
 */
export function nativeLink(native: PeerConnection): NativeLink {
  const events = new LinkEvents(() => end())
  const end = (): void => {
    if (events.isClosed) return
    events.closed()
    native.close()
  }
  native.onStateChange(
    safely(state => {
      if (state === 'closed' || state === 'failed' || state === 'disconnected') end()
    }, end),
  )
  native.onDataChannel(safely(channel => events.channel(nativeChannel(channel, end)), end))
  const handshake = nativeChannel(native.createDataChannel('', HANDSHAKE), end)
  return {
    handshake,
    remoteFingerprint: () => fingerprintFrom(native.remoteFingerprint().value),
    open: () => nativeChannel(native.createDataChannel(''), end),
    onChannel: listener => events.onChannel(listener),
    onClosed: listener => events.onClosed(listener),
    close: end,
  }
}

function nativeChannel(native: DataChannel, end: () => void): HeldChannel {
  const channel = new HeldChannel({
    get isOpen() {
      return native.isOpen()
    },
    get bufferedBytes() {
      return native.bufferedAmount()
    },
    send: bytes => void native.sendMessageBinary(bytes),
    close: () => native.close(),
  })
  native.setBufferedAmountLowThreshold(WEB_RTC.drainedBytes)
  native.onOpen(safely(() => channel.opened(), end))
  native.onBufferedAmountLow(safely(() => channel.drained(), end))
  native.onClosed(safely(() => channel.closed(), end))
  native.onError(safely(() => channel.close(), end))
  native.onMessage(
    safely(message => {
      // text is nothing of libp2p's
      if (typeof message === 'string') end()
      else channel.message(new Uint8Array(message))
    }, end),
  )
  return channel
}

function safely<Given extends unknown[]>(
  callback: (...given: Given) => void,
  end: () => void,
): (...given: Given) => void {
  return (...given) => {
    try {
      callback(...given)
    } catch {
      end()
    }
  }
}
