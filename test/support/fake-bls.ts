import { createHash } from 'node:crypto'
import type { Bls } from '../../codec/index.ts'

/** Signatures that anybody can make, at no cost: sums are found out as those of BLS are. */
export const fakeBls: Bls = {
  generateSecret: () => crypto.getRandomValues(new Uint8Array(32)),
  publicKey(secret) {
    const key = new Uint8Array(48)
    key.set(secret)
    return key
  },
  sign: (secret, message) => signatureOf(fakeBls.publicKey(secret), message),
  verify: (publicKey, message, signature) => Buffer.compare(signatureOf(publicKey, message), signature) === 0,
  aggregateSignatures: signatures => sumOf(signatures),
  verifyAggregate: (publicKeys, message, signature) =>
    Buffer.compare(sumOf(publicKeys.map(key => signatureOf(key, message))), signature) === 0,
  sum() {
    throw new Error('sums are not faked')
  },
}

function signatureOf(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const half = createHash('sha512').update(publicKey).update(message)
  return Uint8Array.from(Buffer.concat([half.digest(), Buffer.alloc(32)]))
}

function sumOf(signatures: readonly Uint8Array[]): Uint8Array {
  const sum = new Uint8Array(96)
  for (const signature of signatures) for (const [i, byte] of signature.entries()) sum[i]! ^= byte
  return sum
}
