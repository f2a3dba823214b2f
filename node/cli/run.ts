import { type Command, CommanderError } from 'commander'
import { visible, visibleLines } from '../../base/visible.ts'
import type { Parts } from './context.ts'
import { shieldBlobIds } from './dashed-blob-ids.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { CliError, sentence, toFailure } from './failure.ts'
import { createOutput, isBrokenPipe } from './output.ts'
import type { Task } from './program/options.ts'
import { createProgram } from './program.ts'
import { Shown } from './shown.ts'

/** Runs one command line to its end. Resolves to the exit code; never rejects. */
export async function runCli(args: readonly string[], parts: Parts): Promise<ExitCode> {
  const wantsJson = args.includes('--json')
  let asked: { task: Task; json: boolean } | undefined
  const program = createProgram((task, { json }) => {
    asked = { task, json: json === true }
  })
  for (const command of withSubcommands(program)) {
    command.exitOverride().configureOutput({
      // in JSON it is told below
      outputError: (text, write) =>
        wantsJson ? undefined : write(harmless(text.replace(/^error: /, 'floe: '), args)),
      ...(wantsJson && { writeErr: () => {} }),
    })
  }
  try {
    await program.parseAsync(shieldBlobIds(args, program), { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return EXIT.ok // --help, --version
    if (wantsJson) {
      const message = sentence(error.message.replace(/^error: /, ''))
      createOutput(process, true).failure({ code: 'USAGE', exitCode: EXIT.usage, message })
    }
    return EXIT.usage
  }
  return asked === undefined ? EXIT.usage : await runTask(asked.task, asked.json, parts)
}

async function runTask(task: Task, json: boolean, parts: Parts): Promise<ExitCode> {
  const output = createOutput(process, json)
  const interrupted = new AbortController()
  // a broken pipe also arrives here, after the write that told of it
  process.stdout.on('error', () => {})
  const onSignal = () => {
    if (interrupted.signal.aborted) process.exit(EXIT.interrupted) // the second Ctrl-C means now
    interrupted.abort(new CliError('INTERRUPTED', EXIT.interrupted, 'Interrupted.'))
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal)
  try {
    return await task({ parts, output, cwd: process.cwd(), signal: interrupted.signal })
  } catch (error) {
    if (isBrokenPipe(error)) return EXIT.ok
    // what fails after Ctrl-C fails because of it
    const failure = toFailure(interrupted.signal.aborted ? interrupted.signal.reason : error)
    output.failure(failure)
    if (process.env.FLOE_DEBUG && error instanceof Error)
      output.say(Shown.of(visibleLines(error.stack ?? '')))
    return failure.exitCode
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal).off('SIGHUP', onSignal)
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
