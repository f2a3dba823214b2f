import { type ChainSession, type Context, type NetworkOptions, withChain } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { formatRows, formatSui, formatWal } from '../format.ts'
import { shown } from '../shown.ts'
import { parseAddress } from '../wallet-file.ts'

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
    const address = addressText === undefined ? (await wallet()).address : parseAddress(addressText)
    const before = await coordinator.balances(address, { signal })
    await ask(session, network.faucet, address)
    const now = await coordinator.balances(address, { signal })
    const given = { sui: now.sui - before.sui, wal: now.wal - before.wal }
    await context.output.result(
      { address, given, balances: now },
      shown`${address} got ${formatSui(given.sui)} and ${formatWal(given.wal)}\n${formatRows([
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
