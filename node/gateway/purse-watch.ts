import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { formatNano } from '../../base/nano.ts'
import type { FullCoordinator } from '../../chain/types/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import type { Metrics } from '../metrics.ts'

/** The wallet that pays for what is stored. */
export interface Purse {
  address: ObjectId
  chain: Pick<FullCoordinator, 'balances'>
}

export interface PurseWatchInit {
  purse: Purse
  metrics: Pick<Metrics, 'balance'> | undefined
  log: Log | undefined
  clock: Clock
}

const LOOK_MS = 60_000
const ASK_MS = 30_000
/** Gas of some dozen transactions, and storage of some thousand small blobs: time to send more. */
const LOW = { sui: 100_000_000n, wal: 100_000_000n } as const

/** Looks at the wallet once a minute: its balances are metrics, and the log warns when they are low, once each time. */
export class PurseWatch {
  readonly #init: PurseWatchInit
  readonly #low = new Set<keyof typeof LOW>()
  #timer: { stop(): void } | undefined
  #looking: Promise<void> | undefined
  readonly #stopped = new AbortController()

  constructor(init: PurseWatchInit) {
    this.#init = init
  }

  start(): void {
    this.#look()
    this.#timer = this.#init.clock.every(LOOK_MS, () => this.#look())
  }

  async stop(): Promise<void> {
    this.#timer?.stop()
    this.#stopped.abort(new DOMException('the gateway stops', 'AbortError'))
    await this.#looking
  }

  #look(): void {
    this.#looking ??= this.#read().finally(() => {
      this.#looking = undefined
    })
  }

  async #read(): Promise<void> {
    const { purse, metrics, log, clock } = this.#init
    const { address, chain } = purse
    using limit = clock.deadline(ASK_MS, [this.#stopped.signal])
    try {
      const balances = await chain.balances(address, { signal: limit.signal })
      for (const coin of ['sui', 'wal'] as const) {
        const amount = balances[coin]
        const name = coin.toUpperCase()
        metrics?.balance('main', name, Number(amount) / 1e9)
        if (amount >= LOW[coin]) this.#low.delete(coin)
        else if (!this.#low.has(coin)) {
          this.#low.add(coin)
          const fields = { address, coin: name, balance: formatNano(amount) }
          log?.warn(fields, 'the wallet that pays for what is stored has little left')
        }
      }
    } catch (err) {
      // health tells of a chain that does not answer
      log?.debug({ err }, 'the balances of the wallet could not be read')
    }
  }
}
