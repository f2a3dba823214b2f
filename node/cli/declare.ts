import { isIP } from 'node:net'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Context } from './context.ts'
import type { ExitCode } from './errors.ts'

/** What a parsed command line asks for. */
export type Task = (context: Context) => Promise<ExitCode>

/** Takes what a command line asks for; it is run once the line is parsed. */
export type Run = (task: Task, options: { json?: boolean }) => void

type CommandsOf<Module> = {
  [K in keyof Module]: Module[K] extends (context: Context, ...given: never[]) => Promise<ExitCode>
    ? K
    : never
}[keyof Module]

/**
 * The actions of a module's commands, by their names: functions of the context, the arguments and the options. The module
 * is loaded when one of them runs, so that `floe --help` loads none.
 */
export function actionsOf<Module>(run: Run, load: () => Promise<Module>) {
  return (name: CommandsOf<Module>) =>
    (...parsed: unknown[]): void => {
      // the arguments, the options, and at last the parser's own command
      const given = parsed.slice(0, -1)
      const task: Task = async context => {
        const command = (await load())[name] as (context: Context, ...given: unknown[]) => Promise<ExitCode>
        return await command(context, ...given)
      }
      run(task, given.at(-1) as { json?: boolean })
    }
}

/** Where `floe up` keeps a network by default, in the current folder. */
export const DEFAULT_DIR = '.floe'
/** Where `floe node` keeps a storage node. */
export const DEFAULT_NODE_DIR = '.floe-node'
/** Where `floe localnet` does. */
export const DEFAULT_LOCALNET_DIR = '.floe-localnet'

/** What an encoding over a field of 2^16 elements allows, see codec/params.ts. */
export const MAX_SHARDS = 49_155

export const jsonOption = () =>
  new Option('--json', 'one JSON line per result on stdout, errors as JSON on stderr')

/** Options of a command that reads the network. What Walrus's client takes for any command is taken as well, and what has no meaning here ignored. */
export function readsNetwork(command: Command): Command {
  return command
    .option(
      '--network <file|name>',
      `the network's file, or testnet or mainnet (default: ${DEFAULT_DIR}/network.json, from here upwards)`,
    )
    .addOption(jsonOption())
    .addOption(walrusOption('--context <name>'))
    .addOption(walrusOption('--config <file>'))
    .addOption(walrusOption('--gas-budget <mist>'))
    .addOption(walrusOption('--rpc-url <url>'))
}

export const logOption = (level = 'warn') =>
  new Option('--log <level>', 'log lines on stderr')
    .choices(['silent', 'error', 'warn', 'info', 'debug'])
    .default(level)

/** An option as Walrus's client has it, for what is said otherwise here. */
export const walrusOption = (flags: string) => new Option(flags).hideHelp()

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

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30s`, `2m`, `1.5h`, `7d` in ms. */
export function duration(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? []
  if (number !== undefined) return Math.round(Number(number) * UNITS_MS[unit as keyof typeof UNITS_MS])
  throw new InvalidArgumentError('It must be a number of seconds, minutes, hours or days: 30s, 2m, 1h, 7d.')
}

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return text => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`
    throw new InvalidArgumentError(`It must be a whole number ${range}.`)
  }
}

export function ipAddress(text: string): string {
  if (isIP(text) !== 0) return text
  throw new InvalidArgumentError('It must be an IP address.')
}
