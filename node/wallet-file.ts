import { open } from 'node:fs/promises'
import { CodedError } from '../base/coded-error.ts'
import { isExposed } from '../base/private-file.ts'
import { keypairWallet, parseKeystore } from '../chain/index.ts'
import type { Wallet } from '../chain/types/index.ts'
import { parseObjectId } from '../codec/index.ts'

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

interface KeyErrorDetails {
  path: string
  /** of KEY_UNCLEAR: those that the file holds keys of */
  addresses?: readonly string[]
}

/** A key file that cannot be used. Never quotes the file. */
export class KeyError extends CodedError<Record<KeyErrorCode, KeyErrorDetails>> {
  override readonly name = 'KeyError'
  readonly path: string

  constructor(code: KeyErrorCode, message: string, path: string, addresses?: readonly string[]) {
    super(code, message, addresses === undefined ? { path } : { path, addresses })
    this.path = path
  }
}

/**
 * Reads a wallet: a file with one key in Sui's text form (`suiprivkey1…`, as `sui keytool export` prints it), or Sui's own
 * keystore, of which `address` names one key. Throws KeyError: KEY_EXPOSED when others may read the file, KEY_MALFORMED,
 * KEY_MISSING when it does not hold the address's key, KEY_UNCLEAR; a missing file rejects with ENOENT.
 */
export async function readWallet(path: string, { address }: { address?: string } = {}): Promise<Wallet> {
  return parseWallet(await readSecret(path), path, address)
}

/** The text of a wallet file, which errors call `path`. Throws KeyError as `readWallet`. */
export function parseWallet(text: string, path: string, address: string | undefined): Wallet {
  const wallets = parseKeys(text.trim(), path)
  if (address === undefined) {
    if (wallets.length === 1) return wallets[0]!
    const addresses = wallets.map(wallet => wallet.address)
    const message = `${path} holds ${wallets.length} keys: name one by its address`
    throw new KeyError('KEY_UNCLEAR', message, path, addresses)
  }
  const wanted = parseObjectId(address)
  const found = wallets.find(wallet => wallet.address === wanted)
  if (found !== undefined) return found
  throw new KeyError('KEY_MISSING', `${path} does not hold the key of ${wanted}`, path)
}

function parseKeys(text: string, path: string): Wallet[] {
  try {
    return text.startsWith('[') ? parseKeystore(text) : [keypairWallet(text)]
  } catch {
    // no cause: it might quote the text
    throw new KeyError('KEY_MALFORMED', `${path} holds no Sui key`, path)
  }
}

/** The text of a file that holds a key. Throws KEY_EXPOSED when others may read it; a missing file rejects with ENOENT. */
export async function readSecret(path: string): Promise<string> {
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
