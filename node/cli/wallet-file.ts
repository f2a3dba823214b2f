import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isExposed } from '../../base/private-file.ts'
import type { Wallet } from '../../chain/types/index.ts'
import { addressArgument } from './arguments.ts'
import type { Context } from './context.ts'
import { CliError, EXIT, sentence } from './errors.ts'
import { readInput } from './input.ts'
import { shellWord } from './text.ts'

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
  const text = await readKeyFile(path, signal)
  const wanted = address === undefined ? undefined : addressArgument(address)
  const { KeyError, parseWallet } = await import('../wallet-file.ts')
  try {
    return parseWallet(text, path, wanted)
  } catch (cause) {
    if (!(cause instanceof KeyError)) throw cause
    const { code, message, details } = cause
    const exit = [EXIT.funds, sentence(message)] as const
    if (code === 'KEY_MISSING') throw new CliError('NO_WALLET', ...exit, { cause })
    throw new CliError('BAD_WALLET_FILE', ...exit, { hint: hintFor(details.addresses), cause })
  }
}

/** `addresses`: of a file with several keys, or with none */
function hintFor(addresses: readonly string[] | undefined): string {
  if (addresses === undefined)
    return "It is one line, suiprivkey1…, as `sui keytool export` prints it, or Sui's own keystore file."
  return `Name one with --address 0x…${addresses.length === 0 ? '' : `: ${addresses.join(', ')}`}`
}

async function readKeyFile(path: string, signal: AbortSignal): Promise<string> {
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
