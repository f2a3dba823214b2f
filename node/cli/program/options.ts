import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Context } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'
import { DEFAULT_DIR } from '../network-file.ts'

/** What a parsed command line asks for. */
export type Task = (context: Context) => Promise<ExitCode>

/** Takes what a command line asks for; it is run once the line is parsed. */
export type Run = (task: Task, options: { json?: boolean }) => void

/** What an encoding over a field of 2^16 elements allows, see codec/params.ts. */
export const MAX_SHARDS = 49_155

export const jsonOption = () =>
  new Option('--json', 'one JSON line per result on stdout, errors as JSON on stderr')

export const networkOption = () =>
  new Option(
    '--network <file>',
    `the network's file (default: ${DEFAULT_DIR}/network.json, from here upwards)`,
  )

export const logOption = () =>
  new Option('--log <level>', 'log lines on stderr')
    .choices(['silent', 'error', 'warn', 'info', 'debug'])
    .default('warn')

/** Options of a command that reads the network. */
export function readsNetwork(command: Command): Command {
  return command.addOption(networkOption()).addOption(jsonOption())
}

/** Options of a command that uses a wallet. */
export function usesWallet(
  command: Command,
  what = "the Sui key that pays (default: the devnet user's)",
): Command {
  return readsNetwork(
    command
      .option('--wallet <file>', what)
      .option('--address <address>', 'which key, of a keystore with several'),
  )
}

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return text => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`
    throw new InvalidArgumentError(`It must be a whole number ${range}.`)
  }
}
