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
