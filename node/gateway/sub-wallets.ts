import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { makeFolder } from '../../base/make-folder.ts'
import { formatNano } from '../../base/nano.ts'
import { createRecords } from '../../base/records.ts'
import { SingleFlight } from '../../base/single-flight.ts'
import type { FullCoordinator, Wallet } from '../../chain/types/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { loadWallet } from '../keys.ts'
import type { Metrics } from '../metrics.ts'
import { type Claim, Claims } from './claims.ts'
import { DEFAULT_LIMITS } from './options.ts'

/** What each is given, when the main wallet has that: as Walrus's publisher does. */
const FILL = { sui: 500_000_000n, wal: 500_000_000n } as const
/** Gas of a registration and its certificate: with less a sub-wallet is not used. */
const MIN_MIST = 20_000_000n
const LOOK_MS = 60_000
const ASK_MS = 30_000
const KEY = /^(\d\d)\.key$/

type Coin = keyof typeof FILL
type Balances = Record<Coin, bigint>

/** Of which wallet, where they are kept, and what they live by. */
export interface SubWalletsInit {
  /** keys are in a folder of the main wallet's inside of it, of mode 0600, made when they are not there */
  folder: string
  /** 0 to 99; those of before that are more are emptied */
  count: number
  wallet: Wallet
  chain: Pick<FullCoordinator, 'balances' | 'cashier' | 'ownedBlobs'>
  metrics?: Pick<Metrics, 'balance'> | undefined
  log?: Log | undefined
  clock: Clock
}

interface SubWallet {
  name: string
  wallet: Wallet
}

/**
 * Wallets that register blobs for a main one, so that as many uploads go on at once. The main one fills them up to 0.5 SUI and 0.5 WAL
 * whenever they have less than half of that, and keeps half of all that there is. What an upload that was cut short left with them, and
 * the coins of those that are not wanted any more, it gets when they are opened.
 */
export class SubWallets implements AsyncDisposable {
  readonly #init: SubWalletsInit
  readonly #subs: readonly SubWallet[]
  readonly #extra: readonly SubWallet[]
  readonly #claim: Claim | undefined
  readonly #funded = new Set<ObjectId>()
  readonly #looking = new SingleFlight<void>()
  readonly #stopped = new AbortController()
  #timer: { stop(): void } | undefined
  #wasShort = false
  #held: Balances = { sui: 0n, wal: 0n }

  private constructor(init: SubWalletsInit, all: readonly SubWallet[], claim: Claim | undefined) {
    this.#init = init
    this.#subs = claim === undefined ? [] : all.slice(0, init.count)
    this.#extra = all.slice(init.count)
    this.#claim = claim
  }

  /**
   * Reads the keys, and makes those that are missing. One process at a time has them: another one gets none. Throws KeyError and
   * node's file errors.
   */
  static async open(init: SubWalletsInit): Promise<SubWallets> {
    const { count, wallet, clock, log } = init
    const folder = join(init.folder, wallet.address)
    await makeFolder(folder, 0o700)
    const kept = (await readdir(folder)).flatMap(name => KEY.exec(name)?.[1] ?? []).sort()
    if (kept.length === 0 && count === 0) return new SubWallets(init, [], undefined)
    const claims = new Claims({
      records: createRecords({ folder: join(folder, 'claims'), limit: 16, clock }),
      clock,
    })
    const claim = await claims.take('sub-wallets')
    if (claim === undefined) {
      log?.warn({ folder }, 'another process has the sub-wallets: this one pays with the main wallet alone')
      return new SubWallets(init, [], undefined)
    }
    try {
      const names = Array.from({ length: count }, (_, i) => String(i).padStart(2, '0'))
      const all = [...new Set([...names, ...kept])].sort()
      const subs: SubWallet[] = []
      for (const name of all) subs.push({ name, wallet: await loadWallet(join(folder, `${name}.key`)) })
      return new SubWallets(init, subs, claim)
    } catch (error) {
      await claim[Symbol.asyncDispose]()
      throw error
    }
  }

  /** What a gateway takes on at a time, with so many of them. */
  get uploads(): number {
    return Math.max(DEFAULT_LIMITS.uploads, this.#subs.length)
  }

  get wallets(): readonly Wallet[] {
    return this.#subs.map(({ wallet }) => wallet)
  }

  /** What they had in all when they were last looked at. */
  get held(): Balances {
    return this.#held
  }

  /** Whether it had enough for an upload when they were last looked at. */
  isFunded(address: ObjectId): boolean {
    return this.#funded.has(address)
  }

  /**
   * Takes back what is left of the last run: before anybody goes on with that. Then they are filled, and looked after once a minute.
   * Never rejects.
   */
  async start(): Promise<void> {
    if (this.#claim === undefined) return
    await this.#takeBack()
    if (this.#subs.length === 0) return
    void this.#looking.run(() => this.#look())
    this.#timer = this.#init.clock.every(LOOK_MS, () => void this.#looking.run(() => this.#look()))
  }

  /** One has too little: it is not used until it has been filled. Resolves when that was tried. */
  async onShort(address: ObjectId): Promise<void> {
    this.#funded.delete(address)
    // one look may be under way that has seen it before
    await this.#looking.run(() => this.#look())
    if (!this.#funded.has(address)) await this.#looking.run(() => this.#look())
  }

  /** Leaves them to other processes, with what they have. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.stop()
    this.#stopped.abort(new DOMException('the sub-wallets are closed', 'AbortError'))
    await this.#looking.run(async () => {})
    await this.#claim?.[Symbol.asyncDispose]()
  }

  async #takeBack(): Promise<void> {
    const { chain, wallet: main, log } = this.#init
    using limit = this.#limit()
    const { signal } = limit
    const takeBack = async ({ name, wallet }: SubWallet, isExtra: boolean): Promise<void> => {
      try {
        const [blobs, { sui, wal }] = await Promise.all([
          chain.ownedBlobs(wallet.address, { signal }),
          chain.balances(wallet.address, { signal }),
        ])
        const hasCoins = isExtra && sui + wal > 0n
        if (blobs.length === 0 && !hasCoins) return
        await chain.cashier(wallet).handOver(main.address, { coins: isExtra, signal })
        log?.info(
          { name, blobs: blobs.length, emptied: isExtra },
          'what a sub-wallet had is with the main wallet',
        )
      } catch (err) {
        if (!this.#stopped.signal.aborted)
          log?.warn({ name, err }, 'what a sub-wallet has could not be taken back')
      }
    }
    await Promise.all([
      ...this.#subs.map(sub => takeBack(sub, false)),
      ...this.#extra.map(sub => takeBack(sub, true)),
    ])
  }

  async #look(): Promise<void> {
    const { chain, wallet, metrics, log } = this.#init
    try {
      using limit = this.#limit()
      const { signal } = limit
      const read = async (address: ObjectId): Promise<Balances> => await chain.balances(address, { signal })
      const [main, ...balances] = await Promise.all([
        read(wallet.address),
        ...this.#subs.map(sub => read(sub.wallet.address)),
      ])
      const payments = this.#wanted(main!, balances)
      if (payments.length > 0) {
        await chain.cashier(wallet).pay(payments, { signal })
        log?.info({ wallets: payments.length }, 'sub-wallets were filled')
      }
      const held: Balances = { sui: 0n, wal: 0n }
      this.#subs.forEach(({ name, wallet: { address } }, i) => {
        const paid = payments.find(({ to }) => to === address)
        const sui = balances[i]!.sui + (paid?.mist ?? 0n)
        const wal = balances[i]!.wal + (paid?.frost ?? 0n)
        held.sui += sui
        held.wal += wal
        if (sui >= MIN_MIST && wal > 0n) this.#funded.add(address)
        else this.#funded.delete(address)
        metrics?.balance(`sub-${name}`, 'SUI', Number(sui) / 1e9)
        metrics?.balance(`sub-${name}`, 'WAL', Number(wal) / 1e9)
      })
      this.#held = held
      this.#tellShort(main!)
    } catch (err) {
      // they are used as long as they have something
      if (!this.#stopped.signal.aborted) log?.warn({ err }, 'sub-wallets could not be filled')
    }
  }

  /** What is to be paid to those that have less than half of what they should. */
  #wanted(main: Balances, balances: readonly Balances[]): { to: ObjectId; mist: bigint; frost: bigint }[] {
    const amounts = (coin: Coin): bigint[] => {
      const total = balances.reduce((sum, balance) => sum + balance[coin], main[coin])
      const share = total / BigInt(2 * this.#subs.length)
      const target = share < FILL[coin] ? share : FILL[coin]
      if (coin === 'sui' && target < MIN_MIST) return balances.map(() => 0n)
      let left = main[coin] / 2n
      return balances.map(balance => {
        const lacking = 2n * balance[coin] < target ? target - balance[coin] : 0n
        const given = lacking < left ? lacking : left
        left -= given
        return given
      })
    }
    const mist = amounts('sui')
    const frost = amounts('wal')
    return this.#subs
      .map(({ wallet }, i) => ({ to: wallet.address, mist: mist[i]!, frost: frost[i]! }))
      .filter(payment => payment.mist + payment.frost > 0n)
  }

  #tellShort(main: Balances): void {
    const { log, wallet } = this.#init
    const isShort = this.#funded.size < this.#subs.length
    if (isShort && !this.#wasShort) {
      const fields = {
        address: wallet.address,
        sui: formatNano(main.sui),
        wal: formatNano(main.wal),
        funded: this.#funded.size,
        of: this.#subs.length,
      }
      log?.warn(fields, 'the main wallet has too little to fill its sub-wallets')
    }
    this.#wasShort = isShort
  }

  #limit() {
    return this.#init.clock.deadline(ASK_MS, [this.#stopped.signal])
  }
}
