/** Work that goes on beside everything else from a start to a stop, and can be started again. */
export class Background {
  readonly #work: (signal: AbortSignal) => Promise<void>
  #running: { stopping: AbortController; over: Promise<void> } | undefined

  /** The work ends soon after its signal, whose reason is an AbortError. */
  constructor(work: (signal: AbortSignal) => Promise<void>) {
    this.#work = work
  }

  /** Does nothing while it runs. */
  start(): void {
    if (this.#running !== undefined) return
    const stopping = new AbortController()
    this.#running = { stopping, over: this.#work(stopping.signal) }
  }

  /** Resolves once the work has ended; rejects as it does. */
  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    running.stopping.abort(new DOMException('it is stopped', 'AbortError'))
    try {
      await running.over
    } finally {
      if (this.#running === running) this.#running = undefined
    }
  }
}
