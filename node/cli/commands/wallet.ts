import { open, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { makeFolder } from '../../../base/make-folder.ts'
import { type Context, type NetworkOptions, withChain } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { formatRows, formatSui, formatWal } from '../format.ts'
import { loadNetwork } from '../network-file.ts'
import { shown } from '../shown.ts'
import { loadWallet } from '../wallet-file.ts'

const KEY_MODE = 0o600

/** Makes a key in a file of its own; never overwrites one. */
export async function newWallet(
  { output, cwd }: Context,
  file: string,
  options: { format: 'key' | 'keystore' },
): Promise<ExitCode> {
  const { formatKeystore, generateWalletKey, keypairWallet } = await import('../../../chain/index.ts')
  const path = resolve(cwd, file)
  const key = generateWalletKey()
  const { address } = keypairWallet(key)
  await writeNew(path, options.format === 'keystore' ? formatKeystore([key]) : `${key}\n`)
  await output.result(
    { address, file: path },
    shown`Made a wallet\n${formatRows([
      ['address', address],
      ['key', `${path}; keep it secret, keep a copy`],
    ])}`,
  )
  return EXIT.ok
}

async function writeNew(path: string, text: string): Promise<void> {
  await makeFolder(dirname(path), 0o700)
  // "x" is atomic: whatever is there, a link too, stays as it is
  await using file = await open(path, 'wx', KEY_MODE).catch(error => {
    if (error.code !== 'EEXIST') throw error
    throw new CliError('FILE_EXISTS', EXIT.usage, `${path} exists: a key is never overwritten.`, {
      hint: 'Choose another name for the new one.',
    })
  })
  try {
    // a umask may have taken away what the owner needs
    await file.chmod(KEY_MODE)
    await file.writeFile(text)
    await file.sync()
  } catch (error) {
    // half a key would stand in the way of the next try
    await rm(path, { force: true })
    throw error
  }
}

/** Prints the wallet's address; works without a network when the key file is named. */
export async function walletAddress(context: Context, options: NetworkOptions): Promise<ExitCode> {
  const { output, cwd } = context
  const networkPath = options.wallet === undefined ? (await loadNetwork(options.network, context)).path : cwd
  const { address } = await loadWallet(options, networkPath, context)
  await output.result({ address }, shown`${address}`)
  return EXIT.ok
}

/** Prints what the wallet holds. */
export async function walletBalance(context: Context, options: NetworkOptions): Promise<ExitCode> {
  await withChain(context, options, async ({ coordinator, wallet, signal }) => {
    const { address } = await wallet()
    const { sui, wal } = await coordinator.balances(address, { signal })
    await context.output.result(
      { address, sui, wal },
      shown`${address}\n${formatRows([
        ['SUI', formatSui(sui)],
        ['WAL', formatWal(wal)],
      ])}`,
    )
  })
  return EXIT.ok
}
