import { bls12_381 } from '@noble/curves/bls12-381.js'
import type { Bls, BlsSum } from './bls.ts'
import { CodecError, isCodecError } from './errors.ts'

const { longSignatures, fields, utils } = bls12_381
const G1 = bls12_381.G1.Point
const G2 = bls12_381.G2.Point
type PublicKey = InstanceType<typeof G1>
type Signature = InstanceType<typeof G2>

const SECRET_BYTES = 32

/**
 * BLS in JavaScript, three times as slow as Node's in wasm, whose library does not go into a page. An upload checks a sum of
 * signatures once.
 */
export async function loadBls(): Promise<Bls> {
  return {
    generateSecret: () => utils.randomSecretKey(),
    publicKey: secret => longSignatures.getPublicKey(expectSecret(secret)).toBytes(),
    sign: (secret, message) =>
      longSignatures.sign(longSignatures.hash(message), expectSecret(secret)).toBytes(),
    verify: (publicKey, message, signature) => verifyAggregate([publicKey], message, signature),
    aggregateSignatures(signatures) {
      if (signatures.length === 0) throw invalidKey('an empty list of signatures')
      return signatures
        .map(readSignature)
        .reduce((sum, next) => sum.add(next))
        .toBytes()
    },
    verifyAggregate,
    sum: createSum,
  }
}

function verifyAggregate(
  publicKeys: readonly Uint8Array[],
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKeys.length === 0) return false
  try {
    const key = publicKeys.map(readPublicKey).reduce((sum, next) => sum.add(next))
    return isSignedBy(key, message, readSignature(signature))
  } catch (error) {
    if (isCodecError(error, 'INVALID_KEY')) return false
    throw error
  }
}

/** The library answers no question about a point at infinity. */
function isSignedBy(key: PublicKey, message: Uint8Array, signature: Signature): boolean {
  if (key.is0() || signature.is0()) return false
  return longSignatures.verify(signature, longSignatures.hash(message), key)
}

function createSum(): BlsSum {
  let key = G1.ZERO
  let signature = G2.ZERO
  let count = 0
  const free = (): void => {
    key = G1.ZERO
    signature = G2.ZERO
  }
  return {
    get count() {
      return count
    },
    add(publicKeyBytes, signatureBytes) {
      const [one, other] = [readPublicKey(publicKeyBytes), readSignature(signatureBytes)]
      key = key.add(one)
      signature = signature.add(other)
      count++
    },
    verified: message => (isSignedBy(key, message, signature) ? signature.toBytes() : undefined),
    free,
    [Symbol.dispose]: free,
  }
}

function expectSecret(bytes: Uint8Array): Uint8Array {
  if (bytes.length === SECRET_BYTES) {
    const scalar = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
    if (scalar > 0n && scalar < fields.Fr.ORDER) return bytes
  }
  throw invalidKey('a BLS secret key')
}

const readPublicKey = (bytes: Uint8Array): PublicKey => read(G1, bytes, 'a BLS public key')
const readSignature = (bytes: Uint8Array): Signature => read(G2, bytes, 'a BLS signature')

interface Point {
  is0(): boolean
  assertValidity(): void
}

/** A point of the group but infinity, which would be a key that verifies anything. */
function read<P extends Point>(
  group: { fromBytes(bytes: Uint8Array): P },
  bytes: Uint8Array,
  what: string,
): P {
  let point: P
  try {
    point = group.fromBytes(bytes)
    point.assertValidity()
  } catch (cause) {
    throw invalidKey(what, cause)
  }
  if (point.is0()) throw invalidKey(what)
  return point
}

function invalidKey(what: string, cause?: unknown): CodecError {
  return new CodecError('INVALID_KEY', `not ${what}`, { what }, { cause })
}
