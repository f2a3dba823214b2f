import { nextTurn } from '../../../base/turn.ts'

interface Waiting<Item> {
  item: Item
  resolve(): void
  reject(reason: unknown): void
}

/**
 * Group commit: what arrives for a key while its previous batch is being written forms the next batch, so that many
 * small writes share one sync. Nothing waits for company.
 */
export class Batcher<Item> {
  readonly #write: (key: string, items: Item[]) => Promise<void>
  readonly #atOnce: boolean
  readonly #queues = new Map<string, Waiting<Item>[]>()
  readonly #running = new Set<Promise<void>>()

  /** `atOnce`: the first batch is what comes first, not what comes in the same turn. */
  constructor(
    write: (key: string, items: Item[]) => Promise<void>,
    { atOnce = false }: { atOnce?: boolean } = {},
  ) {
    this.#write = write
    this.#atOnce = atOnce
  }

  /** Resolves when the batch that the item is in was written. */
  add(key: string, item: Item): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { item, resolve, reject }
      const queue = this.#queues.get(key)
      if (queue !== undefined) {
        queue.push(waiting)
        return
      }
      this.#queues.set(key, [waiting])
      const run = this.#drain(key).finally(() => this.#running.delete(run))
      this.#running.add(run)
    })
  }

  /** Waits until nothing is being written. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  async #drain(key: string): Promise<void> {
    // one turn of the loop: what the caller adds in the same turn goes into the first batch
    if (!this.#atOnce) await nextTurn()
    for (;;) {
      const batch = this.#queues.get(key) ?? []
      if (batch.length === 0) break
      this.#queues.set(key, [])
      try {
        await this.#write(
          key,
          batch.map(({ item }) => item),
        )
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#queues.delete(key)
  }
}
