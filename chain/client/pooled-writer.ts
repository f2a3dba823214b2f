import { formatNano } from '../../base/nano.ts'
import { encodedSize } from '../../codec/index.ts'
import type { Certificate, ObjectId } from '../../codec/types.ts'
import { ChainError, isChainError } from '../errors.ts'
import type {
  CallOptions,
  Certification,
  CertifyOptions,
  ChainWriter,
  ExtendOptions,
  FullCoordinator,
  PreparedRegistration,
  RegisterInput,
  Registration,
  Wallet,
} from '../types/index.ts'
import { chooseStorage } from './storages.ts'

/** Wallets that register for another one. */
export interface WalletPool {
  readonly wallets: readonly Wallet[]
  /** Whether this process has them; until then nothing is gone on with that they have. */
  readonly isHeld: boolean
  /** Whether there is something in it. */
  isFunded(address: ObjectId): boolean
  /** What they have in all, as it was last looked at. */
  readonly held: { sui: bigint; wal: bigint }
  /**
   * Called when one had too little, less WAL than `frost` where that is known; resolves once that was looked after, whatever came of it.
   * Rejects with the signal's reason only.
   */
  onShort(address: ObjectId, options?: CallOptions & { frost?: bigint | undefined }): Promise<void>
}

/** Others may spend meanwhile what one was given. */
const MAX_FILLS = 3

type Chain = Pick<FullCoordinator, 'writer' | 'ownedStorages' | 'system'>

interface Payer {
  address: ObjectId
  writer: ChainWriter
  /** registrations that are being made ready or executed */
  busy: number
}

/**
 * A writer of a wallet whose registrations go on at once: each is made by whichever wallet of the pool has least to do, which certifies
 * the blob, too, and in the same transaction sends it to the wallet, or to whom it is for. The wallet itself registers when it has storage
 * to reuse, or when those of the pool have too little; it extends and deletes.
 */
export function createPooledWriter(chain: Chain, wallet: Wallet, pool: WalletPool): ChainWriter {
  return pool.wallets.length === 0 ? chain.writer(wallet) : new PooledWriter(chain, wallet, pool)
}

class PooledWriter implements ChainWriter {
  readonly wallet: Wallet
  readonly #chain: Chain
  readonly #pool: WalletPool
  readonly #main: ChainWriter
  /** the one that was taken longest ago first */
  readonly #payers: Payer[]

  constructor(chain: Chain, wallet: Wallet, pool: WalletPool) {
    this.wallet = wallet
    this.#chain = chain
    this.#pool = pool
    this.#main = chain.writer(wallet)
    this.#payers = pool.wallets.map(one => ({ address: one.address, writer: chain.writer(one), busy: 0 }))
  }

  get subWallets(): readonly ObjectId[] {
    return this.#pool.isHeld ? this.#payers.map(({ address }) => address) : []
  }

  get subWalletsElsewhere(): readonly ObjectId[] {
    return this.#pool.isHeld ? [] : this.#payers.map(({ address }) => address)
  }

  async register(input: RegisterInput, options?: CallOptions): Promise<Registration> {
    using prepared = await this.prepareRegistration(input, options)
    return await (await prepared.submit()).visible
  }

  async prepareRegistration(input: RegisterInput, options?: CallOptions): Promise<PreparedRegistration> {
    const isMains = input.reuseStorage === true && (await this.#hasStorage(input, options))
    const payer = isMains ? undefined : this.#take()
    if (payer === undefined) return await this.#byMain(input, options)
    const done = () => void payer.busy--
    let prepared: PreparedRegistration
    try {
      prepared = await payer.writer.prepareRegistration({ ...input, reuseStorage: false }, options)
    } catch (error) {
      done()
      if (!isShort(error)) throw error
      void this.#pool.onShort(payer.address)
      return await this.#byMain(input, options)
    }
    let submitting: ReturnType<PreparedRegistration['submit']> | undefined
    return {
      submit() {
        submitting ??= prepared.submit().finally(done)
        return submitting
      },
      [Symbol.dispose]() {
        if (submitting === undefined) done()
        prepared[Symbol.dispose]()
      },
    }
  }

  async certify(
    blobObjectId: ObjectId,
    certificate: Certificate,
    options: CertifyOptions = {},
  ): Promise<Certification> {
    const payer = this.#payers.find(({ address }) => address === options.registered?.owner)
    if (payer === undefined) return await this.#main.certify(blobObjectId, certificate, options)
    const { share, transferTo = share ? undefined : this.wallet.address } = options
    for (let left = MAX_FILLS; ; left--) {
      try {
        return await payer.writer.certify(blobObjectId, certificate, { ...options, transferTo })
      } catch (error) {
        if (left === 0 || !isShort(error)) throw error
        // to be extended it may need more than it is filled with
        const frost = isChainError(error, 'NOT_ENOUGH_WAL') ? error.details.neededFrost : undefined
        await this.#pool.onShort(payer.address, { frost, signal: options.signal })
      }
    }
  }

  extend(blobObjectId: ObjectId, epochs: number, options?: ExtendOptions) {
    return this.#main.extend(blobObjectId, epochs, options)
  }

  deleteBlob(blobObjectId: ObjectId, options?: CallOptions) {
    return this.#main.deleteBlob(blobObjectId, options)
  }

  /** Who is told that it has too little should know where the rest is. */
  async #byMain(input: RegisterInput, options?: CallOptions): Promise<PreparedRegistration> {
    try {
      return await this.#main.prepareRegistration(input, options)
    } catch (error) {
      if (!isShort(error)) throw error
      const { sui, wal } = this.#pool.held
      const told = (text: string) => `${error.message}; ${text} more are with its sub-wallets`
      if (error.code === 'NOT_ENOUGH_WAL')
        throw new ChainError(error.code, told(`${formatNano(wal)} WAL`), {
          ...error.details,
          subWalletsFrost: wal,
        })
      throw new ChainError(error.code, told(`${formatNano(sui)} SUI`), {
        ...error.details,
        subWalletsMist: sui,
      })
    }
  }

  /** Whether the wallet's own storage would be used: only its owner can do that. */
  async #hasStorage({ metadata, epochs }: RegisterInput, options?: CallOptions): Promise<boolean> {
    const [storages, { epoch }] = await Promise.all([
      this.#chain.ownedStorages(this.wallet.address, options),
      this.#chain.system({ ...options, recent: true }),
    ])
    const bytes = BigInt(encodedSize(metadata.nShards, metadata.unencodedLength))
    return chooseStorage(storages, { epoch, endEpoch: epoch + epochs, bytes }) !== undefined
  }

  #take(): Payer | undefined {
    const funded = this.#payers.filter(({ address }) => this.#pool.isFunded(address))
    const least = Math.min(...funded.map(({ busy }) => busy))
    const payer = funded.find(({ busy }) => busy === least)
    if (payer === undefined) return undefined
    this.#payers.push(...this.#payers.splice(this.#payers.indexOf(payer), 1))
    payer.busy++
    return payer
  }
}

/** Nothing was sent: there is too little to pay with. */
function isShort(error: unknown): error is ChainError<'NOT_ENOUGH_WAL'> | ChainError<'NOT_ENOUGH_SUI'> {
  return isChainError(error, 'NOT_ENOUGH_WAL') || isChainError(error, 'NOT_ENOUGH_SUI')
}
