import { randomBytes } from 'node:crypto'
import native from 'node-datachannel'
import { raceSignal } from 'race-signal'
import type { RtcConnect } from '../../node/network/web-rtc/dialing.ts'
import { fingerprintFrom } from '../../node/network/web-rtc/link.ts'
import { nativeLink } from '../../node/network/web-rtc/native-link.ts'
import { fingerprintIn, serverAnswer } from '../../node/network/web-rtc/sdp.ts'

/** Dials WebRTC as a page does, by the native library. */
export const connectNatively: RtcConnect = async (place, ufrag, signal) => {
  const connection = new native.PeerConnection('test', {
    iceServers: [],
    disableAutoNegotiation: true,
    // of a whole certificate chain there is nothing to be looked at: noise has both hashes
    disableFingerprintVerification: false,
    maxMessageSize: 16 * 1024,
  })
  const link = nativeLink(connection)
  try {
    connection.setLocalDescription('offer', { iceUfrag: ufrag, icePwd: ufrag })
    connection.setRemoteDescription(serverAnswer(place, ufrag), 'answer')
    const opened = Promise.withResolvers<void>()
    link.handshake.onceOpen(opened.resolve)
    link.onClosed(() => opened.reject(new Error('the link has closed')))
    opened.promise.catch(() => undefined)
    await raceSignal(opened.promise, signal)
    return {
      link,
      handshake: link.handshake,
      clientFingerprint: fingerprintFrom(fingerprintIn(connection.localDescription()?.sdp ?? '') ?? ''),
      serverFingerprint: place.fingerprint,
    }
  } catch (error) {
    link.close()
    throw error
  }
}

/** MESSAGE-INTEGRITY, without which the native library takes no request; nobody knows yet what would be right there. */
const INTEGRITY = Buffer.concat([Buffer.from([0, 8, 0, 20]), Buffer.alloc(20, 7)])

/** A binding request of STUN (RFC 8489) by that name, as which a page knocks. */
export function stunRequest(name: string): Buffer {
  const text = Buffer.from(name)
  const padded = Buffer.alloc(Math.ceil(text.length / 4) * 4)
  text.copy(padded)
  const head = Buffer.alloc(24)
  head.writeUInt16BE(1, 0)
  head.writeUInt16BE(4 + padded.length + INTEGRITY.length, 2)
  head.writeUInt32BE(0x2112a442, 4)
  randomBytes(12).copy(head, 8)
  head.writeUInt16BE(6, 20)
  head.writeUInt16BE(text.length, 22)
  return Buffer.concat([head, padded, INTEGRITY])
}
