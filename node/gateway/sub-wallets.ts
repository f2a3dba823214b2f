import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { makeFolder } from '../../base/make-folder.ts'
import { formatNano } from '../../base/nano.ts'
import { createRecords } from '../../base/records.ts'
import { SingleFlight } from '../../base/single-flight.ts'
import type { WalletPool } from '../../chain/index.ts'
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

type Shortage = NonNullable<Parameters<WalletPool['onShort']>[1]>

interface SubWallet {
  name: string
  wallet: Wallet
}

/**
 * Wallets that register blobs for a main one, so that as many uploads go on at once. The main one fills them up to 0.5 SUI and 0.5 WAL
 * whenever they have less than half of that, and keeps half of all that there is, unless an upload that is under way needs more. What an upload that was cut short left with them, and
 * the coins of those that are not wanted any more, it gets when they are opened.
 */
export class SubWallets implements WalletPool, AsyncDisposable {
  readonly #init: SubWalletsInit
  readonly #subs: readonly SubWallet[]
  readonly #extra: readonly SubWallet[]
  readonly #claims: Claims
  readonly #funded = new Set<ObjectId>()
  /** WAL of uploads that wait for it */
  readonly #needed = new Map<ObjectId, bigint>()
  readonly #looking = new SingleFlight<void>()
  readonly #stopped = new AbortController()
  #claim: Claim | undefined
  #isHeld = false
  #held: Balances = { sui: 0n, wal: 0n }
  #timer: { stop(): void } | undefined
  #wasShort = false

  private constructor(init: SubWalletsInit, all: readonly SubWallet[], claims: Claims) {
    this.#init = init
    this.#subs = all.slice(0, init.count)
    this.#extra = all.slice(init.count)
    this.#claims = claims
  }

  /** Reads the keys, and makes those that are missing. Throws KeyError and node's file errors. */
  static async open(init: SubWalletsInit): Promise<SubWallets> {
    const { count, wallet, clock } = init
    const folder = join(init.folder, wallet.address)
    await makeFolder(folder, 0o700)
    const kept = (await readdir(folder)).flatMap(name => KEY.exec(name)?.[1] ?? [])
    const names = Array.from({ length: count }, (_, i) => String(i).padStart(2, '0'))
    const all: SubWallet[] = []
    for (const name of [...new Set([...names, ...kept])].sort())
      all.push({ name, wallet: await loadWallet(join(folder, `${name}.key`)) })
    const records = createRecords({ folder: join(folder, 'claims'), limit: 16, clock })
    return new SubWallets(init, all, new Claims({ records, clock }))
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

  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Whether it had enough for an upload when they were last looked at. */
  isFunded(address: ObjectId): boolean {
    return this.#funded.has(address)
  }

  /**
   * Takes back what is left of the last run: before anybody goes on with that. Then they are filled, and looked after once a minute. One
   * process at a time has them: while another one does, that is tried again each time. Never rejects; ends early with the signal.
   */
  async start(signal?: AbortSignal): Promise<void> {
    const { clock, log, wallet } = this.#init
    if (this.#subs.length + this.#extra.length === 0) return
    await this.#hold(signal)
    if (this.#isHeld) void this.#looking.run(() => this.#look())
    else
      log?.warn(
        { address: wallet.address },
        'another process has the sub-wallets: until it ends, this one pays with the main wallet alone',
      )
    this.#timer = clock.every(LOOK_MS, () => {
      void this.#looking.run(async () => {
        await this.#hold()
        await this.#look()
      })
    })
  }

  async #hold(signal?: AbortSignal): Promise<void> {
    if (this.#isHeld) return
    try {
      this.#claim ??= await this.#claims.take('sub-wallets')
    } catch (err) {
      this.#init.log?.warn({ err }, 'the sub-wallets could not be claimed')
    }
    if (this.#claim === undefined) return
    await this.#takeBack(signal)
    this.#isHeld = true
  }

  /** One has too little: it is not used until it has been filled. Resolves when that was tried. */
  async onShort(address: ObjectId, { frost = 0n, signal }: Shortage = {}): Promise<void> {
    const needed = (change: bigint): void => {
      const sum = (this.#needed.get(address) ?? 0n) + change
      if (sum === 0n) this.#needed.delete(address)
      else this.#needed.set(address, sum)
    }
    this.#funded.delete(address)
    needed(frost)
    try {
      // one look may be under way that has seen it before
      await this.#looking.run(() => this.#look(), signal)
      if (!this.#funded.has(address)) await this.#looking.run(() => this.#look(), signal)
    } finally {
      needed(-frost)
    }
  }

  /** Leaves them to other processes, with what they have. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.stop()
    this.#stopped.abort(new DOMException('the sub-wallets are closed', 'AbortError'))
    await this.#looking.run(async () => {})
    await this.#claim?.[Symbol.asyncDispose]()
  }

  async #takeBack(ended?: AbortSignal): Promise<void> {
    const { chain, wallet: main, log } = this.#init
    using limit = this.#limit(ended)
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
    if (!this.#isHeld || this.#subs.length === 0) return
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
        if (sui >= MIN_MIST && wal > 0n && wal >= (this.#needed.get(address) ?? 0n)) this.#funded.add(address)
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
      let all = main[coin]
      return balances.map((balance, i) => {
        const before = balance[coin]
        const needed = coin === 'wal' ? (this.#needed.get(this.#subs[i]!.wallet.address) ?? 0n) : 0n
        const lacking = 2n * before < target ? target - before : 0n
        const usual = lacking < left ? lacking : left
        // a part would be of no use to whoever waits for it
        const given = needed - before > usual && needed - before <= all ? needed - before : usual
        all -= given
        left = left > given ? left - given : 0n
        if (all < left) left = all
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

  #limit(ended?: AbortSignal) {
    return this.#init.clock.deadline(ASK_MS, [this.#stopped.signal, ended])
  }
}
