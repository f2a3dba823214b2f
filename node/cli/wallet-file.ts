import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Wallet } from '../../chain/types.ts'
import { parseObjectId } from '../../codec/index.ts'
import { EXIT } from './exit-codes.ts'
import { CliError } from './failure.ts'

/** Where a devnet keeps its user's key, beside network.json. */
const USER_KEY = join('keys', 'user.sui.key')

/** Reads the key file given, or the devnet user's beside the network file. Throws CliError. */
export async function loadWallet(
  file: string | undefined,
  networkPath: string,
  cwd: string,
): Promise<Wallet> {
  const path = file === undefined ? join(dirname(networkPath), USER_KEY) : resolve(cwd, file)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new CliError('NO_WALLET', EXIT.funds, `There is no wallet: ${path} cannot be read.`, {
      hint: 'Name a key file with --wallet FILE: one line, suiprivkey1…, as `sui keytool export` prints it.',
      cause,
    })
  }
  const { Ed25519Keypair } = await import('@mysten/sui/keypairs/ed25519')
  try {
    const signer = Ed25519Keypair.fromSecretKey(text.trim())
    return { address: parseObjectId(signer.toSuiAddress()), signer }
  } catch {
    // without cause: its text could quote the key
    throw new CliError(
      'BAD_WALLET_FILE',
      EXIT.funds,
      `${path} does not hold an Ed25519 key (one line, suiprivkey1…).`,
    )
  }
}
