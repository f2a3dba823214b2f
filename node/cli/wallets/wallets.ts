import { open, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { makeFolder } from '../../../base/make-folder.ts'
import { addressArgument } from '../arguments.ts'
import { type ChainSession, type Context, type NetworkOptions, withChain } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { loadNetwork } from '../network-file.ts'
import { formatRows, formatSui, formatWal, safe } from '../text.ts'
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
    safe`Made a wallet\n${formatRows([
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
  const networkPath = options.wallet === undefined ? (await loadNetwork(options, context)).path : cwd
  const { address } = await loadWallet(options, networkPath, context)
  await output.result({ address }, safe`${address}`)
  return EXIT.ok
}

/** Prints what the wallet holds. */
export async function walletBalance(context: Context, options: NetworkOptions): Promise<ExitCode> {
  await withChain(context, options, async ({ coordinator, wallet, signal }) => {
    const { address } = await wallet()
    const { sui, wal } = await coordinator.balances(address, { signal })
    await context.output.result(
      { address, sui, wal },
      safe`${address}\n${formatRows([
        ['SUI', formatSui(sui)],
        ['WAL', formatWal(wal)],
      ])}`,
    )
  })
  return EXIT.ok
}

/** Asks a localnet's faucet for SUI and WAL, for the wallet or another address. */
export async function faucet(
  context: Context,
  addressText: string | undefined,
  options: NetworkOptions,
): Promise<ExitCode> {
  await withChain(context, options, async session => {
    const { network, coordinator, wallet, signal } = session
    if (network.faucet === undefined) {
      throw new CliError('NO_FAUCET', EXIT.refused, `The network ${network.name} has no faucet.`, {
        hint: "Only localnets have; Sui's own test network has one at https://faucet.sui.io.",
      })
    }
    const address = addressText === undefined ? (await wallet()).address : addressArgument(addressText)
    const before = await coordinator.balances(address, { signal })
    await ask(session, network.faucet, address)
    const now = await coordinator.balances(address, { signal })
    const given = { sui: now.sui - before.sui, wal: now.wal - before.wal }
    await context.output.result(
      { address, given, balances: now },
      safe`${address} got ${formatSui(given.sui)} and ${formatWal(given.wal)}\n${formatRows([
        ['SUI', `${formatSui(now.sui)} now`],
        ['WAL', `${formatWal(now.wal)} now`],
      ])}`,
    )
  })
  return EXIT.ok
}

async function ask({ signal }: ChainSession, url: string, recipient: string): Promise<void> {
  const failed = (why: string, exitCode: ExitCode, cause?: unknown) =>
    new CliError('FAUCET_FAILED', exitCode, `The faucet ${url} ${why}.`, {
      hint: 'Is the network running? `npm start` or `floe localnet` starts one here.',
      cause,
    })
  let response: Response
  try {
    response = await fetch(`${url.replace(/\/$/, '')}/v2/gas`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ FixedAmountRequest: { recipient } }),
      signal,
    })
  } catch (cause) {
    signal.throwIfAborted()
    throw failed('does not answer', EXIT.noNetwork, cause)
  }
  const text = await response.text()
  if (!response.ok) throw failed(`refused: ${text.slice(0, 200)}`, EXIT.refused)
}
