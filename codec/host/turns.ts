import { nextTurn } from '../../base/turn.ts'

/** Longest time that work on this thread may keep the event loop waiting. */
export const TURN_MS = 8

/** Bytes to copy between two turns: 1 to 2 ms. */
const COPY_BYTES = 4 * 2 ** 20

/** Counts the bytes that are copied, and takes a turn now and then. */
export class CopyTurns {
  #bytes = 0
  readonly #signal: AbortSignal | undefined

  constructor(signal?: AbortSignal) {
    this.#signal = signal
  }

  /** A turn to wait for, when one is due. */
  copied(bytes: number): Promise<void> | undefined {
    this.#bytes += bytes
    return this.#bytes < COPY_BYTES ? undefined : this.#turn()
  }

  async #turn(): Promise<void> {
    this.#bytes = 0
    await nextTurn()
    this.#signal?.throwIfAborted()
  }
}
