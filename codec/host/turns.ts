/** Longest time that work on this thread may keep the event loop waiting. */
export const TURN_MS = 8

/** Bytes to copy between two turns: 1 to 2 ms. */
const COPY_BYTES = 4 * 2 ** 20

/** Lets the event loop do what has come up meanwhile. */
export function nextTurn(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise(resolve => setImmediate(resolve))
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}

/** Counts the bytes that are copied, and takes a turn now and then. */
export class CopyTurns {
  #bytes = 0
  readonly #signal: AbortSignal | undefined

  constructor(signal?: AbortSignal) {
    this.#signal = signal
  }

  async copied(bytes: number): Promise<void> {
    this.#bytes += bytes
    if (this.#bytes < COPY_BYTES) return
    this.#bytes = 0
    await nextTurn()
    this.#signal?.throwIfAborted()
  }
}
