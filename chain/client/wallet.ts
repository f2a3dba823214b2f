import { createPrivateKey, sign } from 'node:crypto'
import { fromBase64, toBase64 } from '@mysten/bcs'
import { decodeSuiPrivateKey, type Keypair, type Signer } from '@mysten/sui/cryptography'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Secp256k1Keypair } from '@mysten/sui/keypairs/secp256k1'
import { Secp256r1Keypair } from '@mysten/sui/keypairs/secp256r1'
import { parseObjectId } from '../../codec/index.ts'
import { ChainError } from '../errors.ts'
import type { Wallet } from '../types.ts'

const SEED_BYTES = 32
/** Sui's flag byte before a key, by scheme. */
const FLAGS = { ED25519: 0, Secp256k1: 1, Secp256r1: 2 } as const
type Scheme = keyof typeof FLAGS

/**
 * A wallet from a key in memory: a 32-byte Ed25519 seed, or Sui's text form `suiprivkey1…` of any scheme. Throws
 * INVALID_KEY; the error never carries the key.
 */
export function keypairWallet(secret: Uint8Array | string): Wallet {
  return walletOf(typeof secret === 'string' ? keypairOfText(secret.trim()) : keypairOf('ED25519', secret))
}

/** A wallet around any signer of the SDK. */
export function walletOf(signer: Signer): Wallet {
  return { address: parseObjectId(signer.toSuiAddress()), signer }
}

/** A new random Ed25519 key in Sui's text form, to be kept in a file of mode 0600. */
export function generateWalletKey(): string {
  return new Ed25519Keypair().getSecretKey()
}

/** Reads Sui's keystore file: a JSON array of base64 texts of flag and secret key. Throws INVALID_KEY. */
export function parseKeystore(text: string): Wallet[] {
  let entries: unknown
  try {
    entries = JSON.parse(text)
  } catch {
    throw invalidKey('keystore: it is no JSON')
  }
  if (!Array.isArray(entries)) throw invalidKey('keystore: a JSON array is expected')
  return entries.map((entry, i) => {
    const bytes = typeof entry === 'string' ? tryFromBase64(entry) : undefined
    const scheme = bytes && (Object.keys(FLAGS) as Scheme[]).find(name => FLAGS[name] === bytes[0])
    if (!bytes || !scheme) throw invalidKey(`keystore entry ${i}`)
    return walletOf(keypairOf(scheme, bytes.subarray(1)))
  })
}

/** Writes Sui's keystore format; the keys are texts `suiprivkey1…`. */
export function formatKeystore(keys: readonly string[]): string {
  const entries = keys.map(key => {
    const { scheme, secretKey } = decodeText(key)
    return toBase64(Uint8Array.of(FLAGS[scheme], ...secretKey))
  })
  return `${JSON.stringify(entries, null, 2)}\n`
}

function keypairOfText(text: string): Keypair {
  const { scheme, secretKey } = decodeText(text)
  return keypairOf(scheme, secretKey)
}

function decodeText(text: string): { scheme: Scheme; secretKey: Uint8Array } {
  let decoded: ReturnType<typeof decodeSuiPrivateKey>
  try {
    decoded = decodeSuiPrivateKey(text)
  } catch {
    // no cause: the library's message may quote the text
    throw invalidKey('private key: suiprivkey1… is expected')
  }
  const { scheme, secretKey } = decoded
  if (!(scheme in FLAGS)) throw invalidKey(`private key of scheme ${scheme}`)
  return { scheme: scheme as Scheme, secretKey }
}

function keypairOf(scheme: Scheme, secret: Uint8Array): Keypair {
  if (secret.length !== SEED_BYTES) throw invalidKey(`private key: ${SEED_BYTES} bytes are expected`)
  try {
    switch (scheme) {
      case 'ED25519':
        return signingNatively(Ed25519Keypair.fromSecretKey(secret), secret)
      case 'Secp256k1':
        return Secp256k1Keypair.fromSecretKey(secret)
      case 'Secp256r1':
        return Secp256r1Keypair.fromSecretKey(secret)
    }
  } catch {
    throw invalidKey(`private key of scheme ${scheme}`)
  }
}

/** Ed25519 signatures are the same whoever makes them, and OpenSSL takes 0.1 ms where JavaScript takes 10 at first. */
function signingNatively(keypair: Ed25519Keypair, seed: Uint8Array): Ed25519Keypair {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
  const x = text(keypair.getPublicKey().toRawBytes())
  const key = createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', d: text(seed), x } })
  return Object.assign(keypair, {
    sign: async (data: Uint8Array): Promise<Uint8Array> => new Uint8Array(sign(null, data, key)),
  })
}

function tryFromBase64(text: string): Uint8Array | undefined {
  try {
    return fromBase64(text)
  } catch {
    return undefined
  }
}

function invalidKey(what: string): ChainError {
  return new ChainError('INVALID_KEY', `not a Sui ${what}`, { what })
}
