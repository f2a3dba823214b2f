import { fromBase64, toBase64 } from '@mysten/bcs'
import { bech32 } from '@scure/base'
import { parseObjectId } from '../../codec/index.ts'
import { ChainError } from '../errors.ts'
import type { TransactionSigner, Wallet } from '../types/index.ts'
import { FLAGS, keySigner, type Scheme } from './key-signer.ts'

const SEED_BYTES = 32
/** What Sui's text form of a secret key begins with. */
const PREFIX = 'suiprivkey'

/**
 * A wallet from a key in memory: a 32-byte Ed25519 seed, or Sui's text form `suiprivkey1…` of any scheme. Throws
 * INVALID_KEY; the error never carries the key.
 */
export function keypairWallet(secret: Uint8Array | string): Wallet {
  if (typeof secret !== 'string') return walletOf(signerOf('ED25519', secret))
  const { scheme, secretKey } = decodeText(secret.trim())
  return walletOf(signerOf(scheme, secretKey))
}

/** A wallet around any signer, the SDK's among them. */
export function walletOf(signer: TransactionSigner): Wallet {
  return { address: parseObjectId(signer.toSuiAddress()), signer }
}

/** A new random Ed25519 key in Sui's text form, to be kept in a file of mode 0600. */
export function generateWalletKey(): string {
  const seed = crypto.getRandomValues(new Uint8Array(SEED_BYTES))
  return bech32.encode(PREFIX, bech32.toWords(Uint8Array.of(FLAGS.ED25519, ...seed)))
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
    const scheme = bytes && schemeOf(bytes[0])
    if (!bytes || !scheme) throw invalidKey(`keystore entry ${i}`)
    return walletOf(signerOf(scheme, bytes.subarray(1)))
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

function decodeText(text: string): { scheme: Scheme; secretKey: Uint8Array } {
  const decoded = bech32.decodeUnsafe(text)
  const bytes = decoded?.prefix === PREFIX ? bech32.fromWordsUnsafe(decoded.words) : undefined
  if (!bytes) throw invalidKey('private key: suiprivkey1… is expected')
  const scheme = schemeOf(bytes[0])
  if (scheme === undefined) throw invalidKey(`private key: its scheme ${bytes[0]} is unknown`)
  return { scheme, secretKey: bytes.subarray(1) }
}

function schemeOf(flag: number | undefined): Scheme | undefined {
  return (Object.keys(FLAGS) as Scheme[]).find(name => FLAGS[name] === flag)
}

function signerOf(scheme: Scheme, secret: Uint8Array): TransactionSigner {
  if (secret.length !== SEED_BYTES) throw invalidKey(`private key: ${SEED_BYTES} bytes are expected`)
  try {
    return keySigner(scheme, secret)
  } catch {
    // no cause: a library's message may quote the key
    throw invalidKey(`private key of scheme ${scheme}`)
  }
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
