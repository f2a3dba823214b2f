import { anySignal } from '../../base/wait.ts'
import type { ClientStream } from '../rpc/client-stream.ts'
import type { StreamPool } from '../rpc/stream-pool.ts'

/** With less than this lacking, a new request costs more than the better path saves. */
const WORTHWHILE_BYTES = 4 * 1024 * 1024

/** What a transfer ends with that is to go on over a better path. */
export const MOVED: unknown = new DOMException('a better path has opened', 'AbortError')

/** Ends a transfer when a better path than its own has opened, and enough is lacking. Dispose of it (`using`). */
export interface BetterPath extends Disposable {
  /** Ends with MOVED, or as the one that was given. */
  readonly signal: AbortSignal
  /** This is the stream that the transfer is on. */
  leaving(stream: ClientStream): void
}

export function watchForBetterPath(
  pool: Pick<StreamPool, 'onBetter'>,
  lackingBytes: () => number,
  signal: AbortSignal | undefined,
): BetterPath {
  const move = new AbortController()
  let stop = (): void => {}
  return {
    signal: anySignal(signal, move.signal),
    leaving(stream) {
      stop()
      stop = pool.onBetter(stream, () => {
        if (lackingBytes() >= WORTHWHILE_BYTES) move.abort(MOVED)
      })
    },
    [Symbol.dispose]: () => stop(),
  }
}
