import { createHash, createPrivateKey, hkdfSync } from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import { certhashOf } from './kinds.ts'

/** What a listener shows, and its key, PEM. */
export interface RtcCertificate {
  cert: string
  key: string
  /** SHA-256 of the certificate, which addresses name */
  fingerprint: Uint8Array
}

/** Of an X.509 certificate in DER. */
const TAG = {
  integer: 0x02,
  bits: 0x03,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  time: 0x18,
  list: 0x30,
  set: 0x31,
} as const
const VERSION_3 = [0xa0, 0x03, 0x02, 0x01, 0x02]
const OID = {
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  ecPublicKey: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
  p256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
  commonName: [0x55, 0x04, 0x03],
} as const
const SEED_BYTES = 48

/**
 * The certificate of a network key, the same at every start, so that the addresses that name it stay: its key is derived from the seed,
 * and its signature has nothing random. It does not end (RFC 5280, 4.1.2.5): WebRTC compares hashes and looks at no dates.
 */
export function rtcCertificate(networkSeed: Uint8Array): RtcCertificate {
  const okm = new Uint8Array(
    hkdfSync('sha256', networkSeed, '', 'floe webrtc-direct certificate', SEED_BYTES),
  )
  const { secretKey } = p256.keygen(okm)
  const point = p256.getPublicKey(secretKey, false)
  const signing = list(der(TAG.oid, OID.ecdsaWithSha256))
  const name = list(der(TAG.set, list(der(TAG.oid, OID.commonName), der(TAG.utf8, ascii('floe')))))
  const validity = list(der(TAG.utcTime, ascii('240101000000Z')), der(TAG.time, ascii('99991231235959Z')))
  const curve = list(der(TAG.oid, OID.ecPublicKey), der(TAG.oid, OID.p256))
  const publicKey = list(curve, der(TAG.bits, [0, ...point]))
  const content = list(VERSION_3, der(TAG.integer, [1]), signing, name, validity, name, publicKey)
  const signature = p256.sign(Uint8Array.from(content), secretKey, { format: 'der' })
  const certificate = Uint8Array.from(list(content, signing, der(TAG.bits, [0, ...signature])))
  const key = createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      d: base64Url(secretKey),
      x: base64Url(point.subarray(1, 33)),
      y: base64Url(point.subarray(33)),
    },
  })
  return {
    cert: pem(certificate),
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    fingerprint: createHash('sha256').update(certificate).digest(),
  }
}

/** Addresses of WebRTC with the certificate of that key, which an operator does not know; the others as they are. */
export function withCerthash(multiaddrs: readonly string[], networkSeed: Uint8Array): string[] {
  const bare = /\/webrtc-direct(?!\/certhash)/
  if (!multiaddrs.some(address => bare.test(address))) return [...multiaddrs]
  const certhash = certhashOf(rtcCertificate(networkSeed).fingerprint)
  return multiaddrs.map(address => address.replace(bare, `/webrtc-direct/certhash/${certhash}`))
}

function der(tag: number, content: Iterable<number>): number[] {
  const bytes = [...content]
  if (bytes.length < 0x80) return [tag, bytes.length, ...bytes]
  if (bytes.length < 0x100) return [tag, 0x81, bytes.length, ...bytes]
  return [tag, 0x82, bytes.length >> 8, bytes.length & 0xff, ...bytes]
}

const list = (...parts: readonly Iterable<number>[]): number[] =>
  der(
    TAG.list,
    parts.flatMap(part => [...part]),
  )
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)
const base64Url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

function pem(bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
