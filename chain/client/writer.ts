import {
  blobIdToU256,
  encodedSize,
  metadataRoot,
  parseObjectId,
  signersBitmap,
  storageUnits,
} from '../../codec/index.ts'
import type { Certificate, ObjectId } from '../../codec/types.ts'
import { ENCODING_RS2 } from '../bindings/blob.ts'
import { ChainError } from '../errors.ts'
import type {
  BlobObject,
  CallOptions,
  ChainWriter,
  NetworkConfig,
  RegisterInput,
  Registration,
  Wallet,
} from '../types.ts'
import { sleep } from './async.ts'
import { blobType, readBlob } from './blobs.ts'
import { Calls, type CallTarget } from './calls.ts'
import { listCoins, payWal, selectWal } from './coins.ts'
import type { Executor } from './executor.ts'
import type { Outcome } from './outcome.ts'
import type { RpcPool } from './rpc.ts'
import type { ChainState, StateReader } from './state.ts'

/** A node is given 5 s to show what another one has executed. */
const MAX_READS = 50
const READ_PAUSE_MS = 100

export interface WriterComponents {
  network: NetworkConfig
  state: StateReader
  executor: Executor
  rpc: RpcPool
}

/** Writes of one wallet. Prices and package are read anew for each transaction, as votes and upgrades change them. */
export class WalletWriter implements ChainWriter {
  readonly wallet: Wallet
  readonly #on: WriterComponents

  constructor(wallet: Wallet, components: WriterComponents) {
    this.wallet = wallet
    this.#on = components
  }

  async register(input: RegisterInput, options?: CallOptions): Promise<Registration> {
    const { metadata, epochs, deletable } = input
    const { network, state, executor } = this.#on
    const { address } = this.wallet
    const rootHash = littleEndian(metadataRoot(metadata))
    const { originalPackageId } = await this.#checked(input, options)
    let costFrost = 0n
    const outcome = await executor.run(
      this.wallet,
      async (tx, client) => {
        const [now, coins] = await Promise.all([state.read(), listCoins(client, address, network.walType)])
        const storageBytes = encodedSize(metadata.nShards, metadata.unencodedLength)
        costFrost = registrationCost(now, storageBytes, epochs)
        const calls = new Calls(tx, callTarget(network, now))
        payWal(tx, selectWal(coins, costFrost, address), costFrost, payment => {
          const [storage] = calls.reserveSpace(BigInt(storageBytes), epochs, payment)
          const [blob] = calls.registerBlob({
            storage: storage!,
            blobId: blobIdToU256(metadata.blobId),
            rootHash,
            sizeBytes: metadata.unencodedLength,
            encodingType: ENCODING_RS2,
            deletable,
            payment,
          })
          tx.transferObjects([blob!], address)
        })
      },
      options,
    )
    const type = blobType(originalPackageId)
    const created = outcome.changed.find(change => change.created && change.type === type)
    if (!created)
      throw new ChainError('MALFORMED', 'the registration made no Blob object', { what: 'registration' })
    const blob = await this.#blob(parseObjectId(created.objectId), outcome, options)
    return { blob, digest: outcome.digest, costFrost }
  }

  async certify(
    blobObjectId: ObjectId,
    certificate: Certificate,
    options?: CallOptions & { transferTo?: ObjectId },
  ): Promise<{ digest: string; blob: BlobObject; costFrost: bigint }> {
    const outcome = await this.#call(async (calls, now) => {
      const members = now.system.committee.members.length
      calls.certifyBlob(blobObjectId, {
        signature: certificate.signature,
        signersBitmap: signersBitmap(certificate.signers, members),
        message: certificate.message,
      })
      const { transferTo } = options ?? {}
      if (transferTo !== undefined && transferTo !== this.wallet.address) {
        calls.tx.transferObjects([blobObjectId], transferTo)
      }
    }, options)
    // certifying is paid for by the write price at registration
    return { digest: outcome.digest, blob: await this.#blob(blobObjectId, outcome, options), costFrost: 0n }
  }

  async extend(blobObjectId: ObjectId, epochs: number, options?: CallOptions): Promise<{ digest: string }> {
    const { network, state, executor } = this.#on
    const { address } = this.wallet
    const blob = await this.#blob(blobObjectId, undefined, options)
    expectEpochs(epochs, (await state.read(options)).system.future_accounting.length)
    const { digest } = await executor.run(
      this.wallet,
      async (tx, client) => {
        const [now, coins] = await Promise.all([state.read(), listCoins(client, address, network.walType)])
        const units = BigInt(storageUnits(Number(blob.storage.storageSize)))
        const costFrost = units * BigInt(now.system.storage_price_per_unit_size) * BigInt(epochs)
        const calls = new Calls(tx, callTarget(network, now))
        payWal(tx, selectWal(coins, costFrost, address), costFrost, payment =>
          calls.extendBlob(blobObjectId, epochs, payment),
        )
      },
      options,
    )
    return { digest }
  }

  /** The storage that the blob had goes to the wallet. */
  async deleteBlob(blobObjectId: ObjectId, options?: CallOptions): Promise<{ digest: string }> {
    const { digest } = await this.#call(async calls => {
      const [storage] = calls.deleteBlob(blobObjectId)
      calls.tx.transferObjects([storage!], this.wallet.address)
    }, options)
    return { digest }
  }

  async #call(add: (calls: Calls, now: ChainState) => Promise<void>, options: CallOptions | undefined) {
    const { network, state, executor } = this.#on
    return await executor.run(
      this.wallet,
      async tx => {
        const now = await state.read()
        await add(new Calls(tx, callTarget(network, now)), now)
      },
      options,
    )
  }

  async #checked(input: RegisterInput, options: CallOptions | undefined): Promise<ChainState> {
    const now = await this.#on.state.read(options)
    expectEpochs(input.epochs, now.system.future_accounting.length)
    if (input.metadata.nShards !== now.staking.n_shards) {
      const value = `${input.metadata.nShards} instead of ${now.staking.n_shards}`
      throw new ChainError('INVALID_ARGUMENT', `the blob is encoded for another number of shards: ${value}`, {
        what: 'nShards',
        value,
      })
    }
    return now
  }

  /** The object as `written` left it: after a fail-over the node asked may be one that lags behind. */
  async #blob(
    objectId: ObjectId,
    written: Outcome | undefined,
    options: CallOptions | undefined,
  ): Promise<BlobObject> {
    const { rpc, state } = this.#on
    const packageId = await state.originalPackageId(options)
    for (let attempt = 1; ; attempt++) {
      const found = await rpc.read(client => readBlob(client, packageId, objectId), options?.signal)
      if (found && (!written || found.version >= BigInt(written.version))) return found.blob
      if (!written || attempt === MAX_READS) {
        throw new ChainError('NOT_FOUND', `there is no Blob object ${objectId}`, { objectId })
      }
      await sleep(READ_PAUSE_MS, options?.signal)
    }
  }
}

/** Storage for the epochs, and writing once; both by the started MiB. */
export function registrationCost(state: ChainState, storageBytes: number, epochs: number): bigint {
  const units = BigInt(storageUnits(storageBytes))
  const { storage_price_per_unit_size: storagePrice, write_price_per_unit_size: writePrice } = state.system
  return units * (BigInt(storagePrice) * BigInt(epochs) + BigInt(writePrice))
}

export function callTarget(network: NetworkConfig, state: ChainState): CallTarget {
  return {
    packageId: state.packageId,
    system: { objectId: network.systemObjectId, initialSharedVersion: state.systemInitialSharedVersion },
    staking: { objectId: network.stakingObjectId, initialSharedVersion: state.stakingInitialSharedVersion },
  }
}

function expectEpochs(epochs: number, max: number): void {
  if (Number.isInteger(epochs) && epochs >= 1 && epochs <= max) return
  const details = { what: 'epochs', value: String(epochs) }
  throw new ChainError('INVALID_ARGUMENT', `epochs must be 1 to ${max}, not ${epochs}`, details)
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}
