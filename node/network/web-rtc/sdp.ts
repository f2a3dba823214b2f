import { WEB_RTC } from '../limits.ts'
import type { RtcPlace } from './kinds.ts'
import { fingerprintText } from './link.ts'

/** What two peers would tell each other by way of somebody else, and here write themselves: an address says it all. */

/** By which WebRTC tells who asks; the password is the same. A server reads it in the first packet. */
const UFRAG_PREFIX = 'libp2p+webrtc+v1/'
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const UFRAG_LETTERS = 32

export function createUfrag(random: () => number): string {
  const letter = () => LETTERS[Math.floor(random() * LETTERS.length)]
  return UFRAG_PREFIX + Array.from({ length: UFRAG_LETTERS }, letter).join('')
}

/** What may stand in both: anything else ends the native library's process, and ours with it. */
export const isUfrag = (text: string): boolean => /^[a-zA-Z0-9+/]{22,256}$/.test(text)

/** What a server would answer. */
export const serverAnswer = (place: RtcPlace, ufrag: string): string =>
  description(place, ufrag, fingerprintText(place.fingerprint), ['a=ice-lite'], 'passive')

/** What a client would offer, whose certificate is not known yet. */
export const clientOffer = (place: Omit<RtcPlace, 'fingerprint'>, ufrag: string): string =>
  description(place, ufrag, fingerprintText(new Uint8Array(32)), [], 'active')

/** An offer of this side with the ufrag in place of what its browser has made up. */
export function withUfrag(sdp: string, ufrag: string): string {
  return sdp
    .replace(/^a=ice-ufrag:.*$/m, `a=ice-ufrag:${ufrag}\r`)
    .replace(/^a=ice-pwd:.*$/m, `a=ice-pwd:${ufrag}\r`)
    .replaceAll('\r\r', '\r')
}

/** SHA-256 of this side's certificate; undefined where there is none. */
export const fingerprintIn = (sdp: string): string | undefined =>
  /^a=fingerprint:sha-256 ([0-9A-Fa-f:]{95})\s*$/m.exec(sdp)?.[1]

function description(
  { host, port, family }: Omit<RtcPlace, 'fingerprint'>,
  ufrag: string,
  fingerprint: string,
  session: readonly string[],
  setup: 'active' | 'passive',
): string {
  const at = `IN IP${family} ${host}`
  const lines = [
    'v=0',
    `o=- 0 0 ${at}`,
    's=-',
    't=0 0',
    ...session,
    `m=application ${port} UDP/DTLS/SCTP webrtc-datachannel`,
    `c=${at}`,
    'a=mid:0',
    'a=ice-options:ice2',
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${ufrag}`,
    `a=fingerprint:sha-256 ${fingerprint}`,
    `a=setup:${setup}`,
    'a=sctp-port:5000',
    `a=max-message-size:${WEB_RTC.messageBytes}`,
    `a=candidate:1467250027 1 UDP 1467250027 ${host} ${port} typ host`,
    'a=end-of-candidates',
  ]
  return `${lines.join('\r\n')}\r\n`
}
