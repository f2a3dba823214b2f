import { bls12_381 } from '@noble/curves/bls12-381.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { NativeAbort } from '../errors.ts'
import type { BlsVerifier, NativeCall, NativeFunction, NativeTable } from '../types.ts'
import type { Value } from '../values.ts'
import { bytesBehind, bytesOut } from './arguments.ts'

/** Steps of one operation, about as long as it takes. */
const COSTS = { ecdsa: 100_000, ed25519: 100_000, bls: 800_000 }

const MIN_PK_DOMAIN = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_'
const MIN_SIG_DOMAIN = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'

/** Malformed keys and signatures verify nothing. */
const holds = (check: () => boolean): boolean => {
  try {
    return check()
  } catch {
    return false
  }
}

const INVALID_KEY = 2 // EInvalidPubKey

/** Whatever is wrong with the input is told by the code. */
function orAbort<T>(code: number, compute: () => T): T {
  try {
    return compute()
  } catch {
    throw new NativeAbort(code)
  }
}

/** The point at infinity as a key would verify anything. */
const isInfinity = (key: Uint8Array): boolean => ((key[0] ?? 0) & 0x40) !== 0

const verify =
  (
    cost: number,
    check: (
      signature: Uint8Array,
      publicKey: Uint8Array,
      message: Uint8Array,
      hash: Value | undefined,
    ) => boolean,
  ): NativeFunction =>
  (call, _types, [signature, publicKey, message, hash]) => {
    call.context.meter.charge(cost)
    const parts = [signature, publicKey, message].map(part => bytesBehind(call, part)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    return [holds(() => check(...parts, hash))]
  }

/** A longer message is checked by noble: no library that is faster need take it. */
const MAX_FAST_MESSAGE_BYTES = 128 * 1024

const minPk: BlsVerifier = {
  verify: (publicKey, message, signature) => {
    const { longSignatures } = bls12_381
    return longSignatures.verify(signature, longSignatures.hash(message, MIN_PK_DOMAIN), publicKey)
  },
}

// 0 and 1 are how Sui names them; others abort
const digest = (message: Uint8Array, hash: Value | undefined): Uint8Array => {
  if (hash === 0) return keccak_256(message)
  if (hash === 1) return sha256(message)
  throw new NativeAbort(1) // EInvalidSignature
}

type Ecdsa = typeof secp256k1

/** 64 bytes r || s with a low s; the public key is compressed, 33 bytes. */
const ecdsaVerify = (curve: Ecdsa): NativeFunction =>
  verify(COSTS.ecdsa, (signature, publicKey, message, hash) => {
    if (publicKey.length !== 33 || (hash !== 0 && hash !== 1)) return false
    return curve.verify(signature, digest(message, hash), publicKey, { prehash: false, lowS: true })
  })

/** Signature r || s || recovery bit (or 27 more). Aborts 0 when there is no such key, 1 when it is no signature. */
const ecdsaRecover =
  (curve: Ecdsa): NativeFunction =>
  (call, _types, [signature, message, hash]) => {
    call.context.meter.charge(COSTS.ecdsa)
    const bytes = bytesBehind(call, signature)
    const hashed = digest(bytesBehind(call, message), hash)
    if (bytes.length !== 65) throw new NativeAbort(1)
    const last = bytes[64]!
    const bit = last >= 27 ? last - 27 : last
    if (bit > 3) throw new NativeAbort(1)
    const withBit = Uint8Array.of(bit, ...bytes.subarray(0, 64))
    return [
      bytesOut(
        call,
        orAbort(0, () => curve.recoverPublicKey(withBit, hashed, { prehash: false })),
      ),
    ]
  }

const decompress = (call: NativeCall, publicKey: Value | undefined): Value[] => {
  call.context.meter.charge(COSTS.ecdsa)
  const bytes = bytesBehind(call, publicKey)
  if (bytes.length !== 33) throw new NativeAbort(INVALID_KEY)
  return [
    bytesOut(
      call,
      orAbort(INVALID_KEY, () => secp256k1.Point.fromBytes(bytes).toBytes(false)),
    ),
  ]
}

/** @param bls checks signatures with keys in G1; noble's implementation, which is slower, when absent */
export const signatureNatives = (bls: BlsVerifier = minPk): NativeTable => ({
  '0x2::bls12381::bls12381_min_pk_verify': verify(
    COSTS.bls,
    (signature, publicKey, message) =>
      signature.length === 96 &&
      publicKey.length === 48 &&
      !isInfinity(publicKey) &&
      (message.length > MAX_FAST_MESSAGE_BYTES ? minPk : bls).verify(publicKey, message, signature),
  ),
  '0x2::bls12381::bls12381_min_sig_verify': verify(COSTS.bls, (signature, publicKey, message) => {
    if (signature.length !== 48 || publicKey.length !== 96 || isInfinity(publicKey)) return false
    const { shortSignatures } = bls12_381
    return shortSignatures.verify(signature, shortSignatures.hash(message, MIN_SIG_DOMAIN), publicKey)
  }),
  '0x2::ecdsa_k1::secp256k1_verify': ecdsaVerify(secp256k1),
  '0x2::ecdsa_k1::secp256k1_ecrecover': ecdsaRecover(secp256k1),
  '0x2::ecdsa_k1::decompress_pubkey': (call, _types, [publicKey]) => decompress(call, publicKey),
  '0x2::ecdsa_r1::secp256r1_verify': ecdsaVerify(p256),
  '0x2::ecdsa_r1::secp256r1_ecrecover': ecdsaRecover(p256),
  '0x2::ed25519::ed25519_verify': verify(
    COSTS.ed25519,
    (signature, publicKey, message) =>
      signature.length === 64 && publicKey.length === 32 && ed25519.verify(signature, message, publicKey),
  ),
})
