import { type Command, CommanderError } from 'commander'
import { visible, visibleLines } from '../../base/visible.ts'
import type { Host, Parts, Signal } from './context.ts'
import type { Task } from './declare.ts'
import { CliError, EXIT, type ExitCode, sentence, toFailure } from './errors.ts'
import { createHangups } from './hangups.ts'
import { createOutput, isBrokenPipe } from './output.ts'
import { createProgram } from './program.ts'
import { SafeText } from './text.ts'

const SIGNALS: readonly Signal[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Runs one command line to its end. Resolves to the exit code; never rejects. */
export async function runCli(args: readonly string[], parts: Parts, host: Host = process): Promise<ExitCode> {
  const wantsJson = args.includes('--json')
  let asked: { task: Task; json: boolean } | undefined
  const program = createProgram((task, { json }) => {
    asked = { task, json: json === true }
  })
  for (const command of withSubcommands(program)) {
    command.exitOverride().configureOutput({
      writeOut: text => host.stdout.write(text),
      // in JSON it is told below
      outputError: (text, write) =>
        wantsJson ? undefined : write(harmless(text.replace(/^error: /, 'floe: '), args)),
      writeErr: text => wantsJson || host.stderr.write(text),
    })
  }
  try {
    await program.parseAsync(shieldBlobIds(globalsLast(args), program), { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return EXIT.ok // --help, --version
    if (wantsJson) {
      const message = sentence(error.message.replace(/^error: /, ''))
      createOutput(host, true).failure({ code: 'USAGE', exitCode: EXIT.usage, message })
    }
    return EXIT.usage
  }
  return asked === undefined ? EXIT.usage : await runTask(asked.task, asked.json, parts, host)
}

async function runTask(task: Task, json: boolean, parts: Parts, host: Host): Promise<ExitCode> {
  const output = createOutput(host, json)
  const interrupted = new AbortController()
  // a broken pipe also arrives here, after the write that told of it
  host.stdout.on('error', () => {})
  const onSignal = () => {
    if (interrupted.signal.aborted) host.exit(EXIT.interrupted) // the second Ctrl-C means now
    interrupted.abort(new CliError('INTERRUPTED', EXIT.interrupted, 'Interrupted.'))
  }
  const hangups = createHangups(onSignal)
  const listenerOf = (name: Signal) => (name === 'SIGHUP' ? hangups.onSignal : onSignal)
  for (const name of SIGNALS) host.on(name, listenerOf(name))
  const { onHangup } = hangups
  const { signal } = interrupted
  const runInside = (args: readonly string[], inner: Host) => runCli(args, parts, inner)
  try {
    return await task({ parts, output, cwd: host.cwd(), clock: parts.clock, signal, runInside, onHangup })
  } catch (error) {
    if (isBrokenPipe(error)) return EXIT.ok
    // what fails after Ctrl-C fails because of it
    const failure = toFailure(interrupted.signal.aborted ? interrupted.signal.reason : error)
    output.failure(failure)
    if (process.env.FLOE_DEBUG && error instanceof Error)
      output.say(SafeText.of(visibleLines(error.stack ?? '')))
    return failure.exitCode
  } finally {
    for (const name of SIGNALS) host.off(name, listenerOf(name))
  }
}

/** What the parser quotes of the arguments must not forge lines either. */
function harmless(text: string, args: readonly string[]): string {
  return visibleLines(
    args.reduce((told, arg) => (arg === '' ? told : told.replaceAll(arg, () => visible(arg))), text),
  )
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}

/** What Walrus's client takes before the command as well as behind it, and whether it has a value. */
const GLOBALS: ReadonlyMap<string, boolean> = new Map([
  ['--config', true],
  ['--context', true],
  ['--wallet', true],
  ['--gas-budget', true],
  ['--json', false],
])

/** Each option that stands before the command goes behind it, where the command has it. */
export function globalsLast(args: readonly string[]): string[] {
  let first = 0
  for (let arg = args[first]; arg !== undefined; arg = args[first]) {
    const takesValue = GLOBALS.get(arg.replace(/=.*$/s, ''))
    if (takesValue === undefined) break
    first += takesValue && !arg.includes('=') ? 2 : 1
  }
  const rest = args.slice(first)
  const end = rest.includes('--') ? rest.indexOf('--') : rest.length
  return [...rest.slice(0, end), ...args.slice(0, first), ...rest.slice(end)]
}

/** One blob ID, or one patch ID, in 64 starts with a dash. */
const DASHED_ID = /^-[A-Za-z0-9_-]{42}$|^-[A-Za-z0-9_-]{49}$/

/**
 * One blob ID in 64 starts with a dash and would be taken for an option. As the value of an option it is joined to that; from the
 * first other one on, arguments go behind `--` in their order, and options before it.
 */
export function shieldBlobIds(args: readonly string[], program: Command): string[] {
  if (args.includes('--')) return [...args]
  const takesValue = flagsWithValue(program)
  const joined = joinToFlags(args, takesValue)
  const first = joined.findIndex(arg => DASHED_ID.test(arg))
  if (first === -1) return joined
  const options: string[] = []
  const operands: string[] = []
  for (let i = first; i < joined.length; i++) {
    const arg = joined[i]!
    const isOption = arg.startsWith('-') && arg !== '-' && !DASHED_ID.test(arg)
    if (!isOption) operands.push(arg)
    else if (takesValue.has(arg) && i + 1 < joined.length) options.push(arg, joined[++i]!)
    else options.push(arg)
  }
  return [...joined.slice(0, first), ...options, '--', ...operands]
}

/** `--flag -ID` as `--flag=-ID`, and each that follows of a flag that takes several. */
function joinToFlags(args: readonly string[], takesValue: ReadonlyMap<string, boolean>): string[] {
  const joined: string[] = []
  let flag: string | undefined
  let given = 0
  for (const arg of args) {
    const isId = DASHED_ID.test(arg)
    const wants = flag !== undefined && (given === 0 || takesValue.get(flag) === true)
    if (isId && wants) {
      if (given === 0) joined.pop()
      joined.push(`${flag}=${arg}`)
      given++
      continue
    }
    if (arg.startsWith('-') && !isId) {
      flag = takesValue.has(arg) ? arg : undefined
      given = 0
    } else {
      // what is joined ends the list of a flag: what follows names it again
      if (wants && joined.at(-1)?.startsWith(`${flag}=`)) {
        joined.push(`${flag}=${arg}`)
        continue
      }
      given++
    }
    joined.push(arg)
  }
  return joined
}

/** Flags with values, and whether they take several. */
function flagsWithValue(command: Command): Map<string, boolean> {
  const own = command.options.filter(({ required, optional }) => required || optional)
  return new Map([
    ...own.flatMap(({ short, long, variadic }) =>
      [short, long].filter(flag => flag !== undefined).map((flag): [string, boolean] => [flag, variadic]),
    ),
    ...command.commands.flatMap(sub => [...flagsWithValue(sub)]),
  ])
}
