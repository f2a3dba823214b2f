import { type Backoff, createBackoff } from '../../../base/backoff.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Troubles } from '../../../base/troubles.ts'
import type { Epoch } from '../../../codec/types.ts'

export interface AttesterInit {
  attest: (epoch: Epoch, signal: AbortSignal) => Promise<void>
  /** An attempt is over: the upkeep looks again whether the node is whole, and calls again. */
  onEnd: () => void
  clock: Clock
  random: () => number
  log: Log
}

const RETRY_MS = { firstMs: 200, maxMs: 10_000, jitter: 0.5 }

/** Tells the chain once for each epoch that the node is whole, one attempt at a time. */
export class Attester {
  readonly #init: AttesterInit
  readonly #backoff: Backoff
  readonly #troubles: Troubles
  /** of which the chain knows */
  #done: Epoch | undefined
  #attempt: { epoch: Epoch; stop: AbortController; over: Promise<void> } | undefined

  constructor(init: AttesterInit) {
    this.#init = init
    this.#backoff = createBackoff({ ...RETRY_MS, random: init.random, timers: init.clock })
    this.#troubles = new Troubles(init.clock)
  }

  /** Begins an attempt for an epoch that the node is whole for, unless one is under way. */
  attempt(epoch: Epoch): void {
    if (this.#done === epoch) return
    if (this.#attempt !== undefined) {
      if (this.#attempt.epoch !== epoch) this.#end('the epoch is over')
      return
    }
    const stop = new AbortController()
    const over = this.#run(epoch, stop.signal).finally(() => {
      this.#attempt = undefined
      this.#init.onEnd()
    })
    this.#attempt = { epoch, stop, over }
  }

  async stop(): Promise<void> {
    const over = this.#attempt?.over
    this.#end('the node stops')
    await over
  }

  #end(reason: string): void {
    this.#attempt?.stop.abort(new DOMException(reason, 'AbortError'))
  }

  async #run(epoch: Epoch, signal: AbortSignal): Promise<void> {
    try {
      await this.#init.attest(epoch, signal)
      this.#done = epoch
      this.#backoff.reset()
      this.#troubles.over()
    } catch (err) {
      if (signal.aborted) return
      const { nextMs: retryMs } = this.#backoff
      if (this.#troubles.isNews(err))
        this.#init.log.warn(
          { err, epoch, retryMs },
          'the chain was not told that the node is whole; will try again',
        )
      await this.#backoff.pause(signal).catch(() => undefined)
    }
  }
}
