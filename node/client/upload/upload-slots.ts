import { raceSignal } from 'race-signal'
import type { Clock } from '../../../base/clock.ts'

/**
 * One upload's place among those of a client, and the owner of what the upload needs to its end. Dispose of it when its caller
 * is answered: the slot is free, and what it owns disposed of, once its background work has ended as well.
 */
export interface UploadSlot extends AsyncDisposable {
  own<T extends AsyncDisposable>(resource: T): T
  /**
   * Work that goes on after the caller was answered: slivers for the nodes that were not needed for the quorum. `cancel` ends
   * it early, within moments.
   */
  background(work: Promise<void>, cancel?: Cancel): void
}

type Cancel = (reason: unknown) => void

export interface UploadSlotsInit {
  /** uploads at a time, those included of which only background work is left */
  limit: number
  /** how long a new upload waits for the background work of others */
  patienceMs?: number
  clock: Clock
}

/** What nodes on good lines need to catch up. */
const PATIENCE_MS = 10_000

/** How many uploads a client has under way. */
export class UploadSlots {
  readonly #limit: number
  readonly #patienceMs: number
  readonly #clock: Clock
  /** in order of beginning */
  readonly #work = new Map<Promise<void>, Cancel | undefined>()
  readonly #stop = new AbortController()
  #taken = 0
  #freed = Promise.withResolvers<void>()

  constructor({ limit, patienceMs = PATIENCE_MS, clock }: UploadSlotsInit) {
    this.#limit = limit
    this.#patienceMs = patienceMs
    this.#clock = clock
  }

  /** aborts when time on close is up */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /**
   * Waits for a slot. When that takes too long, the oldest background work is cancelled: a node that takes its slivers by
   * drips must not keep others from storing. Rejects with the signal's reason.
   */
  async acquire(signal?: AbortSignal): Promise<UploadSlot> {
    while (this.#taken >= this.#limit) {
      const freed = raceSignal(this.#freed.promise, signal)
      if (!(await this.#clock.settlesWithin(freed, this.#patienceMs))) this.#cancelOldest()
    }
    this.#taken++
    return this.#slot()
  }

  /** Waits for background work, for at most `graceMs`, then ends it. */
  async close(graceMs: number): Promise<void> {
    const all = Promise.all(this.#work.keys())
    if (!(await this.#clock.settlesWithin(all, graceMs)))
      this.#stop.abort(new DOMException('closing', 'AbortError'))
    await all
    this.#stop.abort(new DOMException('closed', 'AbortError'))
  }

  #slot(): UploadSlot {
    const owned: AsyncDisposable[] = []
    // the caller, until it disposes of the slot, and its background work
    let holders = 1
    let disposed = false
    const letGo = async (): Promise<void> => {
      holders--
      if (holders > 0) return
      try {
        for (const resource of owned.toReversed()) await resource[Symbol.asyncDispose]()
      } finally {
        this.#taken--
        this.#freed.resolve()
        this.#freed = Promise.withResolvers()
      }
    }
    return {
      own(resource) {
        owned.push(resource)
        return resource
      },
      background: (work, cancel) => {
        holders++
        const settled: Promise<void> = work
          .catch(() => undefined)
          .then(letGo)
          // nobody is left to be told
          .catch(() => undefined)
          .finally(() => this.#work.delete(settled))
        this.#work.set(settled, cancel)
      },
      async [Symbol.asyncDispose]() {
        if (disposed) return
        disposed = true
        await letGo()
      },
    }
  }

  #cancelOldest(): void {
    const oldest = [...this.#work].find(([, cancel]) => cancel !== undefined)
    if (oldest === undefined) return
    const [work, cancel] = oldest
    this.#work.set(work, undefined)
    cancel?.(new DOMException('others have waited for long enough', 'AbortError'))
  }
}
