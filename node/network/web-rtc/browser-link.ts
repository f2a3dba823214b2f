import { raceSignal } from 'race-signal'
import { WEB_RTC } from '../limits.ts'
import type { RtcConnect } from './dialing.ts'
import { HeldChannel, LinkEvents } from './held.ts'
import { fingerprintFrom } from './link.ts'
import { fingerprintIn, serverAnswer, withUfrag } from './sdp.ts'

/** Links by the browser's own WebRTC, which pages have and workers have not. */
export const connectInBrowser: RtcConnect = async (place, ufrag, signal) => {
  signal.throwIfAborted()
  const connection = new RTCPeerConnection({ iceServers: [] })
  const events = new LinkEvents(() => end())
  const end = (): void => {
    connection.close()
    events.closed()
  }
  connection.onconnectionstatechange = () => {
    if (['closed', 'failed', 'disconnected'].includes(connection.connectionState)) end()
  }
  connection.ondatachannel = ({ channel }) => events.channel(browserChannel(channel, end))
  try {
    const handshake = browserChannel(connection.createDataChannel('', { negotiated: true, id: 0 }), end)
    const offer = withUfrag((await connection.createOffer()).sdp ?? '', ufrag)
    await connection.setLocalDescription({ type: 'offer', sdp: offer })
    await connection.setRemoteDescription({ type: 'answer', sdp: serverAnswer(place, ufrag) })
    const opened = Promise.withResolvers<void>()
    handshake.onceOpen(opened.resolve)
    events.onClosed(() => opened.reject(new Error('the browser found no way there')))
    await raceSignal(opened.promise, signal)
    return {
      link: {
        open: () => browserChannel(connection.createDataChannel(''), end),
        onChannel: listener => events.onChannel(listener),
        onClosed: listener => events.onClosed(listener),
        close: end,
      },
      handshake,
      clientFingerprint: fingerprintFrom(fingerprintIn(connection.localDescription?.sdp ?? offer) ?? ''),
      serverFingerprint: place.fingerprint,
    }
  } catch (error) {
    end()
    throw error
  }
}

function browserChannel(of: RTCDataChannel, end: () => void): HeldChannel {
  of.binaryType = 'arraybuffer'
  of.bufferedAmountLowThreshold = WEB_RTC.drainedBytes
  const channel = new HeldChannel({
    get isOpen() {
      return of.readyState === 'open'
    },
    get bufferedBytes() {
      return of.bufferedAmount
    },
    send: bytes => of.send(bytes as Uint8Array<ArrayBuffer>),
    close: () => of.close(),
  })
  of.onopen = () => channel.opened()
  of.onbufferedamountlow = () => channel.drained()
  of.onclose = () => channel.closed()
  of.onmessage = ({ data }: MessageEvent<unknown>) => {
    // text is nothing of libp2p's
    if (data instanceof ArrayBuffer) channel.message(new Uint8Array(data))
    else end()
  }
  return channel
}
