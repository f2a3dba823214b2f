import { type Bls, CodecError } from '../../codec/index.ts'

const KEY_BYTES = 48
const SIGNATURE_BYTES = 96

/**
 * Signatures that anybody could forge, and that tell right from wrong as BLS does: they add up, and a sum is of these keys and this
 * message or of none.
 */
export function tokenBls(): Bls {
  const sign = (publicKey: Uint8Array, message: Uint8Array): number => hash(hash(1, publicKey), message)
  const encode = (value: number): Uint8Array => {
    const bytes = new Uint8Array(SIGNATURE_BYTES)
    new DataView(bytes.buffer).setUint32(0, value >>> 0)
    return bytes
  }
  const decode = (signature: Uint8Array): number => {
    if (signature.length !== SIGNATURE_BYTES)
      throw new CodecError('INVALID_KEY', 'no signature', { what: 'a BLS signature' })
    return new DataView(signature.buffer, signature.byteOffset).getUint32(0)
  }
  const bls: Bls = {
    generateSecret: () => new Uint8Array(32).fill(1),
    publicKey(secret) {
      const key = new Uint8Array(KEY_BYTES)
      key.set(secret)
      return key
    },
    sign: (secret, message) => encode(sign(bls.publicKey(secret), message)),
    verify: (key, message, signature) => bls.verifyAggregate([key], message, signature),
    aggregateSignatures: signatures => encode(signatures.reduce((sum, one) => sum ^ decode(one), 0)),
    verifyAggregate: (keys, message, signature) =>
      keys.length > 0 && keys.reduce((sum, key) => sum ^ sign(key, message), 0) >>> 0 === decode(signature),
    sum() {
      const keys: Uint8Array[] = []
      let total = 0
      const free = (): void => undefined
      return {
        get count() {
          return keys.length
        },
        add(key, signature) {
          total ^= decode(signature)
          keys.push(key)
        },
        verified(message) {
          const signature = encode(total)
          return bls.verifyAggregate(keys, message, signature) ? signature : undefined
        },
        free,
        [Symbol.dispose]: free,
      }
    },
  }
  return bls
}

function hash(seed: number, bytes: Uint8Array): number {
  let state = Math.imul(seed ^ 0x811c9dc5, 0x01000193)
  for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193)
  return Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) ^ (state >>> 12)
}
