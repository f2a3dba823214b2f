import { randomBytes } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeAtomically } from '../base/atomic-file.ts'
import { CodedError } from '../base/coded-error.ts'
import { isExposed } from '../base/private-file.ts'
import { generateWalletKey, keypairWallet, parseKeystore } from '../chain/index.ts'
import type { Wallet } from '../chain/types.ts'
import { type Bls, loadBls, parseObjectId } from '../codec/index.ts'
import { networkPublicKeyFromSeed } from './network/peer-id.ts'
import { isMissing } from './storage/store/pack-file.ts'

/** A node's three keys. They are separate: one that leaks does not give away the others. */
export interface NodeKeys {
  /** signs transactions */
  wallet: Wallet
  /** signs confirmations; made for one network, never used in another */
  blsSecret: Uint8Array
  /** Ed25519 seed of the libp2p identity */
  networkSeed: Uint8Array
  /** 33 bytes as the chain has them */
  networkPublicKey: Uint8Array
  /** where they are kept */
  folder: string
}

/**
 * KEY_MISMATCH: it is not the one that the chain has for the node. NODE_UNKNOWN: the chain has no such node.
 * KEY_UNCLEAR: the file holds several, and which one was not said.
 */
export type KeyErrorCode =
  | 'KEY_MALFORMED'
  | 'KEY_EXPOSED'
  | 'KEY_MISSING'
  | 'KEY_MISMATCH'
  | 'KEY_UNCLEAR'
  | 'NODE_UNKNOWN'

/** A key file that cannot be used. Never quotes the file. */
export class KeyError extends CodedError<Record<KeyErrorCode, { path: string }>> {
  override readonly name = 'KeyError'
  readonly path: string

  constructor(code: KeyErrorCode, message: string, path: string) {
    super(code, message, { path })
    this.path = path
  }
}

const FILE_MODE = 0o600
const HEX_32 = /^[0-9a-f]{64}$/

/**
 * Reads `sui.key`, `bls.key` and `network.key` of a folder, and makes those that are not there if it may. Files are of mode
 * 0600; throws KEY_EXPOSED when others may read one, KEY_MALFORMED when one holds no key, KEY_MISSING.
 */
export async function loadNodeKeys(folder: string, mayCreate = true): Promise<NodeKeys> {
  const bls = await loadBls()
  const [wallet, blsSecret, networkSeed] = await Promise.all([
    loadWallet(join(folder, 'sui.key'), mayCreate),
    loadHex(join(folder, 'bls.key'), mayCreate, bls),
    loadHex(join(folder, 'network.key'), mayCreate),
  ])
  const networkPublicKey = await networkPublicKeyFromSeed(networkSeed)
  return { wallet, blsSecret, networkSeed, networkPublicKey, folder }
}

/** A Sui key in its text form, one line; made when the file is not there and may be. */
export async function loadWallet(path: string, mayCreate = true): Promise<Wallet> {
  const text = await loadOrCreate(path, mayCreate, generateWalletKey)
  try {
    return keypairWallet(text)
  } catch {
    // no cause: it might quote the text
    throw new KeyError('KEY_MALFORMED', `${path} holds no Sui private key`, path)
  }
}

/**
 * Reads a wallet: a file with one key in Sui's text form (`suiprivkey1…`, as `sui keytool export` prints it), or Sui's own
 * keystore, of which `address` names one key. Throws KeyError: KEY_EXPOSED when others may read the file, KEY_MALFORMED,
 * KEY_MISSING when it does not hold the address's key, KEY_UNCLEAR; a missing file rejects with ENOENT.
 */
export async function readWallet(path: string, { address }: { address?: string } = {}): Promise<Wallet> {
  const wallets = parseWallets(await readSecret(path), path)
  if (address === undefined) {
    if (wallets.length === 1) return wallets[0]!
    throw new KeyError('KEY_UNCLEAR', `${path} holds ${wallets.length} keys: name one by its address`, path)
  }
  const wanted = parseObjectId(address)
  const found = wallets.find(wallet => wallet.address === wanted)
  if (found !== undefined) return found
  throw new KeyError('KEY_MISSING', `${path} does not hold the key of ${wanted}`, path)
}

function parseWallets(text: string, path: string): Wallet[] {
  try {
    return text.startsWith('[') ? parseKeystore(text) : [keypairWallet(text)]
  } catch {
    // no cause: it might quote the text
    throw new KeyError('KEY_MALFORMED', `${path} holds no Sui private key`, path)
  }
}

async function loadHex(path: string, mayCreate: boolean, bls?: Bls): Promise<Uint8Array> {
  const text = await loadOrCreate(path, mayCreate, () =>
    Buffer.from(bls?.generateSecret() ?? randomBytes(32)).toString('hex'),
  )
  if (!HEX_32.test(text)) throw new KeyError('KEY_MALFORMED', `${path} does not hold 64 hex digits`, path)
  return Uint8Array.from(Buffer.from(text, 'hex'))
}

async function loadOrCreate(path: string, mayCreate: boolean, make: () => string): Promise<string> {
  try {
    return await readSecret(path)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  if (!mayCreate) {
    throw new KeyError(
      'KEY_MISSING',
      `the key ${path} is missing, and what belongs to it is not: put it back from a backup`,
      path,
    )
  }
  await writeSecret(path, make())
  return readSecret(path)
}

async function readSecret(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    if (isExposed(await file.stat())) {
      throw new KeyError('KEY_EXPOSED', `others may read the key ${path}; run: chmod 600 ${path}`, path)
    }
    return (await file.readFile('utf8')).trim()
  } finally {
    await file.close()
  }
}

/** Whole or not at all, and durable: a key that was registered on chain must not be lost to a crash. */
async function writeSecret(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeAtomically(path, `${text}\n`, FILE_MODE)
}
