import { keypairWallet, parseKeystore } from '../chain/index.ts'
import type { Wallet } from '../chain/types/index.ts'
import { parseObjectId } from '../codec/index.ts'
import { KeyError, readSecret } from './secret-file.ts'

export { KeyError, type KeyErrorCode } from './secret-file.ts'

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
