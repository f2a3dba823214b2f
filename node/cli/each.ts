import type { Context } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { toFailure } from './failure.ts'

/**
 * Does something for each argument. Of several, one that fails does not keep the others from being done; the first
 * failure is the exit code. With one argument the failure is the command's.
 */
export async function forEach(
  { output, signal }: Context,
  args: readonly string[],
  run: (arg: string) => Promise<void>,
  explain: (error: unknown) => unknown = error => error,
): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok
  for (const arg of args) {
    try {
      await run(arg)
    } catch (error) {
      if (args.length === 1 || signal.aborted) throw error
      const failure = toFailure(explain(error))
      output.failure({ ...failure, message: `${arg}: ${failure.message}` })
      if (exitCode === EXIT.ok) exitCode = failure.exitCode
    }
  }
  return exitCode
}
