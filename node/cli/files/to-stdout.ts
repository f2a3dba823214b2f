import { raceSignal } from 'race-signal'
import { actsOnTerminal } from '../../../base/visible.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT } from '../errors.ts'

/** Writes a stranger's bytes to standard output, at its reader's pace. Throws CliError where a terminal would act on them. */
export async function piecesToStdout(
  { output, signal }: Pick<Context, 'output' | 'signal'>,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  let before = new Uint8Array()
  for await (const piece of pieces) {
    // escape sequences could do more than look odd
    if (process.stdout.isTTY && (actsOnTerminal(piece) || actsOnTerminal(joint(before, piece)))) {
      throw new CliError('USAGE', EXIT.usage, 'This blob is not plain text and would upset the terminal.', {
        hint: 'Write it to a file with -o FILE, or pipe it on.',
      })
    }
    before = piece.slice(-1)
    await raceSignal(output.bytes(piece), signal)
  }
}

/** Where two pieces meet there may be one character of both. */
function joint(before: Uint8Array, piece: Uint8Array): Uint8Array {
  return Uint8Array.of(...before, ...piece.subarray(0, 1))
}
