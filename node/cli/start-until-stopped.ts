import { signalWhile } from '../../base/wait.ts'
import type { Context } from './context.ts'

/**
 * Starts something that lives until the command is told to stop: Ctrl-C cancels the start; afterwards it is for the
 * command to close what runs, in its order.
 */
export async function startUntilStopped<T>(
  { signal }: Pick<Context, 'signal'>,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  using starting = signalWhile(signal)
  return await start(starting.signal)
}
