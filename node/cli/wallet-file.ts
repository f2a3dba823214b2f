import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isExposed } from '../../base/private-file.ts'
import type { Wallet } from '../../chain/types.ts'
import { parseObjectId } from '../../codec/index.ts'
import type { Context } from './context.ts'
import { EXIT } from './exit-codes.ts'
import { CliError } from './failure.ts'
import { readInput } from './input.ts'
import { shellWord } from './shell-word.ts'

/** Where a devnet keeps its user's key, beside network.json. */
const USER_KEY = join('keys', 'user.sui.key')

/** a keystore of some hundred keys */
const KEY_LIMIT = { bytes: 64 * 1024, why: 'no key file is that large' }

export interface WalletOptions {
  wallet?: string
  address?: string
}

/**
 * Reads the key file given, or the devnet user's beside the network file: one key in its text form, or Sui's keystore.
 * Throws CliError, which never quotes the file.
 */
export async function loadWallet(
  options: WalletOptions,
  networkPath: string,
  { cwd, signal }: Pick<Context, 'cwd' | 'signal'>,
): Promise<Wallet> {
  const { wallet: file, address } = options
  const path = file === undefined ? join(dirname(networkPath), USER_KEY) : resolve(cwd, file)
  const wallets = await parseWallets(await readWallet(path, signal), path)
  if (address === undefined) {
    if (wallets.length === 1) return wallets[0]!
    throw new CliError('BAD_WALLET_FILE', EXIT.funds, `${path} holds ${wallets.length} keys.`, {
      hint: `Name one with --address 0x…${wallets.length === 0 ? '' : `: ${wallets.map(wallet => wallet.address).join(', ')}`}`,
    })
  }
  const wanted = parseAddress(address)
  const found = wallets.find(wallet => wallet.address === wanted)
  if (found !== undefined) return found
  throw new CliError('NO_WALLET', EXIT.funds, `${path} does not hold the key of ${wanted}.`)
}

/** An address from the command line. Throws CliError. */
export function parseAddress(text: string): Wallet['address'] {
  try {
    return parseObjectId(text)
  } catch (cause) {
    throw new CliError('USAGE', EXIT.usage, `"${text}" is not a Sui address.`, {
      hint: 'An address is 0x and 64 hex digits; `floe wallet address` prints yours.',
      cause,
    })
  }
}

async function readWallet(path: string, signal: AbortSignal): Promise<string> {
  try {
    if (!isExposed(await stat(path)))
      return Buffer.from(await readInput(path, KEY_LIMIT, signal)).toString('utf8')
  } catch (cause) {
    if (signal.aborted) throw cause
    throw new CliError('NO_WALLET', EXIT.funds, `There is no wallet: ${path} cannot be read.`, {
      hint: 'Name a key file with --wallet FILE, or make one with `floe wallet new FILE`.',
      cause,
    })
  }
  throw new CliError('BAD_WALLET_FILE', EXIT.funds, `Others may read the key file ${path}.`, {
    hint: `Keep it to yourself: chmod 600 ${shellWord(path)}`,
  })
}

async function parseWallets(text: string, path: string): Promise<Wallet[]> {
  const { keypairWallet, parseKeystore } = await import('../../chain/index.ts')
  try {
    return text.trimStart().startsWith('[') ? parseKeystore(text) : [keypairWallet(text)]
  } catch {
    // without cause: its text could quote the key
    throw new CliError('BAD_WALLET_FILE', EXIT.funds, `${path} holds no Sui key.`, {
      hint: "It is one line, suiprivkey1…, as `sui keytool export` prints it, or Sui's own keystore file.",
    })
  }
}
