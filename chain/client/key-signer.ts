import { fromHex, toBase64, toHex } from '@mysten/bcs'
import { normalizeSuiAddress } from '@mysten/sui/utils'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { blake2b } from '@noble/hashes/blake2.js'
import { concatBytes } from '../../base/bytes.ts'
import { nodeModule } from '../../base/node-module.ts'
import type { TransactionSigner } from '../types/index.ts'

/** Sui's flag byte before a key, by scheme. */
export const FLAGS = { ED25519: 0, Secp256k1: 1, Secp256r1: 2 } as const
export type Scheme = keyof typeof FLAGS

/** Sui's intent of transaction data: scope, version and app, all 0. */
const TRANSACTION_INTENT = Uint8Array.of(0, 0, 0)
/** What PKCS #8 puts before the seed of an Ed25519 key. */
const PKCS8_ED25519 = fromHex('302e020100300506032b657004220420')
const PUBLIC_KEY_BYTES = 32

interface Key {
  publicKey: Uint8Array
  sign(digest: Uint8Array): Uint8Array
}

/**
 * Signs transactions with a secret key of 32 bytes, as the SDK's keypairs do: those bring a parser of zkLogin proofs along,
 * which takes longer to load than most commands run. Throws for what is no key of the scheme.
 */
export function keySigner(scheme: Scheme, secret: Uint8Array): TransactionSigner {
  const { publicKey, sign } = keyOf(scheme, secret)
  const flagged = Uint8Array.of(FLAGS[scheme], ...publicKey)
  const address = normalizeSuiAddress(toHex(blake2b(flagged, { dkLen: 32 })))
  return {
    toSuiAddress: () => address,
    async signTransaction(bytes) {
      const digest = blake2b(concatBytes(TRANSACTION_INTENT, bytes), { dkLen: 32 })
      const signature = Uint8Array.of(FLAGS[scheme], ...sign(digest), ...publicKey)
      return { bytes: toBase64(bytes), signature: toBase64(signature) }
    },
  }
}

function keyOf(scheme: Scheme, secret: Uint8Array): Key {
  if (scheme === 'ED25519') return nativeEd25519(secret) ?? ed25519Key(secret)
  const curve = scheme === 'Secp256k1' ? secp256k1 : p256
  return {
    publicKey: curve.getPublicKey(secret, true),
    // of SHA-256 of the digest, as Sui has it
    sign: digest => curve.sign(digest, secret, { lowS: true }),
  }
}

function ed25519Key(seed: Uint8Array): Key {
  return { publicKey: ed25519.getPublicKey(seed), sign: digest => ed25519.sign(digest, seed) }
}

/** All Ed25519 signers make the same signatures, and OpenSSL takes 0.1 ms where JavaScript takes 10 at first. */
function nativeEd25519(seed: Uint8Array): Key | undefined {
  const native = nodeModule('node:crypto')
  if (native === undefined) return undefined
  const { createPrivateKey, createPublicKey, sign } = native
  const pkcs8 = toBase64(concatBytes(PKCS8_ED25519, seed))
  const key = createPrivateKey(`-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----`)
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(spki.subarray(-PUBLIC_KEY_BYTES)),
    sign: digest => new Uint8Array(sign(null, digest, key)),
  }
}
