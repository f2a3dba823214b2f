import type { Multiaddr } from '@multiformats/multiaddr'

/** Whether it is reached by WebRTC without anybody in between who signals; not over a relay. */
export function isWebRtcDirect(address: Multiaddr): boolean {
  const names = address.getComponents().map(({ name }) => name)
  return names.includes('webrtc-direct') && !names.includes('p2p-circuit')
}

/** What is dialled of a `webrtc-direct` address. */
export interface RtcPlace {
  /** IP address, or a name of DNS, which not every browser takes */
  host: string
  port: number
  family: 4 | 6
  /** SHA-256 of the certificate of who listens there */
  fingerprint: Uint8Array
}

/** Where such an address leads; undefined where it does not say all of it, as one without a certificate's hash. */
export function rtcPlace(address: Multiaddr): RtcPlace | undefined {
  if (!isWebRtcDirect(address)) return undefined
  const [ip, udp, direct, certhash] = address.getComponents()
  if (ip?.value === undefined || !/^(ip|dns)[46]?$/.test(ip.name)) return undefined
  if (udp?.name !== 'udp' || direct?.name !== 'webrtc-direct' || certhash?.name !== 'certhash')
    return undefined
  const fingerprint = fingerprintOf(certhash.value ?? '')
  if (fingerprint === undefined) return undefined
  return { host: ip.value, port: Number(udp.value), family: ip.name.endsWith('6') ? 6 : 4, fingerprint }
}

/** Of a multihash: SHA-256, 32 bytes. */
const SHA_256 = [0x12, 0x20] as const
const HASH_BYTES = 32

/** A hash as multiaddrs have it: a multihash in base64url. */
export function certhashOf(fingerprint: Uint8Array): string {
  const text = btoa(String.fromCharCode(...multihash(fingerprint)))
  return `u${text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`
}

/** Undefined where it is of another kind. */
function fingerprintOf(certhash: string): Uint8Array | undefined {
  if (!/^u[\w-]{46}$/.test(certhash)) return undefined
  const text = atob(certhash.slice(1).replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = Uint8Array.from(text, letter => letter.charCodeAt(0))
  if (bytes[0] !== SHA_256[0] || bytes[1] !== SHA_256[1]) return undefined
  return bytes.subarray(SHA_256.length, SHA_256.length + HASH_BYTES)
}

export const multihash = (fingerprint: Uint8Array): Uint8Array => Uint8Array.of(...SHA_256, ...fingerprint)
