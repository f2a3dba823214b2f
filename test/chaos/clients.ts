import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { BlobId, Epoch } from '../../codec/types.ts'
import type { Reader } from '../../node/client/client.ts'
import { isClientError } from '../../node/client/errors.ts'
import { createReader } from '../../node/client/node-client.ts'
import type { Client } from '../../node/client/types.ts'
import type { Devnet } from '../../node/devnet/devnet.ts'
import type { Random } from '../support/random.ts'
import type { Events } from './events.ts'

/** A blob that the chain has certified. */
export interface Stored {
  blobId: BlobId
  sha256: string
  endEpoch: Epoch
}

/** A request that takes longer has failed; on a machine that may be busy. */
const PATIENCE_MS = 60_000
const READS_OF_ONE = 10
const SIZES = [1, 1_000, 30_000, 300_000]

const sha256Of = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** One who stores and one who reads, all the time. */
export class Clients {
  readonly stored: Stored[] = []
  /** the newest epoch that may have begun */
  epoch: Epoch
  /** Requests that were under way in it may fail: more than f weight is gone. */
  readonly storm = new Spell()
  /** The wallet has no WAL: stores that were under way in it may fail for that. */
  readonly poverty = new Spell()
  readonly #devnet: Devnet
  readonly #events: Events
  readonly #random: Random
  readonly #stopping = new AbortController()
  #running: Promise<unknown> = Promise.resolve()

  constructor(init: { devnet: Devnet; events: Events; random: Random; epoch: Epoch }) {
    this.#devnet = init.devnet
    this.#events = init.events
    this.#random = init.random
    this.epoch = init.epoch
  }

  start(): void {
    this.#running = Promise.all([
      this.#write(this.#random.fork('write')),
      this.#read(this.#random.fork('read')),
    ])
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** Without WAL nothing is stored, and it is said why; who stores meanwhile is told the same. */
  async expectNoStore(): Promise<void> {
    const data = this.#random.bytes(1_000)
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const storing = this.#devnet.client.store(data, { epochs: 50, deletable: false, signal })
    const error: unknown = await storing.then(
      () => undefined,
      reason => reason,
    )
    if (!isForWantOfWal(error)) this.#events.fail(`a store without WAL: ${error ?? 'it was stored'}`)
  }

  /** Those that have not ended, though another epoch should begin. */
  live(): Stored[] {
    return this.stored.filter(({ endEpoch }) => endEpoch > this.epoch)
  }

  /** Reads all that is live, as one who comes new. */
  async readAll(): Promise<void> {
    const reader = await createReader(this.#devnet.network)
    try {
      for (const blob of this.live()) await this.#readOne(reader, blob)
    } finally {
      await reader.close()
    }
  }

  /** One request; what comes of it is noted. */
  async #request(what: string, ask: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const wasStorm = this.storm.watch()
    const wasPoor = this.poverty.watch()
    try {
      await ask(AbortSignal.timeout(PATIENCE_MS))
      this.#events.count(what)
    } catch (error) {
      const { name, code, message } = error as Error & { code?: string }
      const text = `${what}: ${code ?? name} ${message}`
      if (wasStorm() && !(error instanceof WrongBytes)) this.#events.add(`in a storm, ${text}`)
      else if (wasPoor() && isForWantOfWal(error)) this.#events.add(`without WAL, ${text}`)
      else this.#events.fail(text)
    }
  }

  #readOne(reader: Reader, { blobId, sha256 }: Stored): Promise<void> {
    return this.#request('read', async signal => {
      const { data } = await reader.read(blobId, { signal })
      if (sha256Of(data) !== sha256) throw new WrongBytes(`${blobId} was read as other bytes`)
    }).then(() => undefined)
  }

  async #write(random: Random): Promise<void> {
    const client: Client = this.#devnet.client
    while (!this.#stopping.signal.aborted) {
      const data = random.bytes(1 + random.int(random.pick(SIZES)))
      const epochs = random.chance(0.2) ? 1 + random.int(2) : 50
      await this.#request('store', async signal => {
        const result = await this.#paid(client.store(data, { epochs, deletable: false, signal }))
        if (result === undefined) return
        const { blobId } = result
        const endEpoch = result.kind === 'newlyCreated' ? result.blob.storage.endEpoch : result.endEpoch
        this.stored.push({ blobId, sha256: sha256Of(data), endEpoch })
      })
      await this.#rest(random.between(300, 1_500))
    }
  }

  /** Nothing when what was paid for has ended meanwhile: epochs turn faster here than a busy machine stores. */
  async #paid<T>(storing: Promise<T>): Promise<T | undefined> {
    try {
      return await storing
    } catch (error) {
      const hasEnded = isClientError(error, 'REGISTRATION_ENDED') && error.details.endEpoch <= this.epoch
      if (!hasEnded) throw error
      this.#events.count('outlived')
    }
  }

  async #read(random: Random): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const reader = await createReader(this.#devnet.network)
      try {
        for (let left = READS_OF_ONE; left > 0 && !this.#stopping.signal.aborted; left--) {
          const live = this.live()
          if (live.length > 0) await this.#readOne(reader, random.pick(live))
          await this.#rest(random.between(10, 200))
        }
      } finally {
        await reader.close()
      }
    }
  }

  async #rest(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
  }
}

class WrongBytes extends Error {}

const isForWantOfWal = (error: unknown): boolean =>
  isClientError(error, 'INSUFFICIENT_FUNDS') && error.details.coin === 'WAL'

/** What goes on for a while, and may come again. */
class Spell {
  #isOn = false
  #times = 0

  async last(during: () => Promise<void>): Promise<void> {
    this.#isOn = true
    this.#times++
    try {
      await during()
    } finally {
      this.#isOn = false
    }
  }

  /** Tells later whether it went on at any moment from now on. */
  watch(): () => boolean {
    const wasOn = this.#isOn
    const times = this.#times
    return () => wasOn || times !== this.#times
  }
}
