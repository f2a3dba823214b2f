import type { TransactionObjectArgument } from '@mysten/sui/transactions'
import { raceSignal } from 'race-signal'
import {
  blobIdToU256,
  encodedSize,
  metadataRoot,
  parseObjectId,
  signersBitmap,
  storageUnits,
} from '../../codec/index.ts'
import type { Certificate, Epoch, ObjectId } from '../../codec/types.ts'
import { ENCODING_RS2 } from '../bindings/blob.ts'
import { ChainError, isChainError } from '../errors.ts'
import type {
  BlobObject,
  CallOptions,
  Certification,
  CertifyOptions,
  ChainWriter,
  ExtendOptions,
  PreparedRegistration,
  RegisterInput,
  Registration,
  StorageObject,
  Wallet,
} from '../types/index.ts'
import { blobType } from './blobs.ts'
import type { Calls } from './calls.ts'
import { certifiedEpochIn } from './events.ts'
import type { SubmittedTransaction } from './executor.ts'
import { type Outcome, sharedBlobIn } from './outcome.ts'
import { type PreparedPayment, type SessionComponents, WalletSession } from './session.ts'
import type { ChainState } from './state.ts'
import { chooseStorage, readOwnedStorages } from './storages.ts'

/** Registers, certifies, extends and deletes blobs of one wallet. */
export class WalletWriter implements ChainWriter {
  readonly #session: WalletSession

  constructor(wallet: Wallet, components: SessionComponents) {
    this.#session = new WalletSession(wallet, components)
  }

  get wallet(): Wallet {
    return this.#session.wallet
  }

  async register(input: RegisterInput, options: CallOptions = {}): Promise<Registration> {
    using prepared = await this.prepareRegistration(input, options)
    const { visible } = await raceSignal(prepared.submit(), options.signal)
    return await raceSignal(visible, options.signal)
  }

  async prepareRegistration(
    input: RegisterInput,
    { signal }: CallOptions = {},
  ): Promise<PreparedRegistration> {
    const { metadata, epochs, deletable, reuseStorage = false } = input
    const { address } = this.wallet
    const rootHash = littleEndian(input.rootHash ?? metadataRoot(metadata))
    const storageBytes = encodedSize(metadata.nShards, metadata.unencodedLength)
    const packageId = await this.#session.on.state.originalPackageId({ signal })
    const type = blobType(packageId)
    let plan: RegistrationPlan
    const prepared = await this.#session.preparePayment<StorageObject[]>(
      (now, storages) => {
        expectEpochs(epochs, now)
        expectShards(metadata.nShards, now)
        plan = planRegistration(now, storages, storageBytes, epochs)
        return plan.costFrost
      },
      (calls, { coin, source }) => {
        const blob = calls.registerBlob({
          storage: takeStorage(calls, plan, coin, address),
          blobId: blobIdToU256(metadata.blobId),
          rootHash,
          sizeBytes: metadata.unencodedLength,
          encodingType: ENCODING_RS2,
          deletable,
          payment: coin,
        })
        calls.tx.mergeCoins(source, [coin])
        calls.tx.transferObjects([blob], address)
      },
      {
        signal,
        recent: true,
        look: async client => (reuseStorage ? await readOwnedStorages(client, packageId, address) : []),
      },
    )
    const read = async (objectId: ObjectId, { outcome, visible }: SubmittedTransaction) => {
      await visible
      const blob = await this.#session.blob(objectId, outcome, { signal })
      const reusedStorage = plan.storage !== undefined
      return { blob, digest: outcome.digest, costFrost: prepared.costFrost, reusedStorage }
    }
    return {
      submit: async () => {
        const submitted = await prepared.submit()
        const { changed, digest } = submitted.outcome
        const created = changed.find(change => change.created && change.type === type)
        if (created === undefined)
          throw new ChainError('MALFORMED', 'the registration made no Blob object', { what: 'registration' })
        const objectId = parseObjectId(created.objectId)
        const visible = read(objectId, submitted)
        // it may fail before, or without, anybody asking for it
        visible.catch(() => undefined)
        return { objectId, digest, visible }
      },
      [Symbol.dispose]: prepared[Symbol.dispose],
    }
  }

  async certify(
    blobObjectId: ObjectId,
    certificate: Certificate,
    options: CertifyOptions = {},
  ): Promise<Certification> {
    const { signal, transferTo, registered, share = false, untilEpoch = 0 } = options
    const certified = await this.#submitCertificate(blobObjectId, certificate, options).catch(error => {
      if (isChainError(error, 'MOVE_ABORT') && error.details.name === 'EAlreadyCertified')
        return this.#certifiedBefore(blobObjectId, options)
      return this.#sentBefore(blobObjectId, options, error)
    })
    if (!('outcome' in certified)) return certified
    const { outcome, visible, packageId, costFrost } = certified
    const { digest } = outcome
    // an outcome is final; that reads see it is only waited for when something has to be read, and by the next transaction
    const certifiedEpoch = certifiedEpochIn(outcome.events, packageId, blobObjectId)
    if (registered !== undefined && certifiedEpoch !== undefined) {
      const { owner: _, storage, ...rest } = registered
      const endEpoch = Math.max(storage.endEpoch, untilEpoch) as Epoch
      const blob = { ...rest, certifiedEpoch, storage: { ...storage, endEpoch } }
      if (share) return { digest, blob, costFrost, sharedBlob: sharedBlobIn(outcome) }
      return { digest, blob: { ...blob, owner: transferTo ?? this.wallet.address }, costFrost }
    }
    await raceSignal(visible, signal)
    return { digest, costFrost, ...(await this.#read(blobObjectId, outcome, options)) }
  }

  async #submitCertificate(
    blobObjectId: ObjectId,
    certificate: Certificate,
    options: CertifyOptions,
  ): Promise<SubmittedTransaction & { packageId: ObjectId; costFrost: bigint }> {
    const { signal, registered } = options
    const packageId = await this.#session.on.state.originalPackageId({ signal })
    const certify = (calls: Calls, now: ChainState): void => {
      // a larger committee may have signed than is in office by now: it is for the chain to refuse that
      const nMembers = Math.max(now.system.committee.members.length, ...certificate.signers.map(i => i + 1))
      calls.certifyBlob(blobObjectId, {
        signature: certificate.signature,
        signersBitmap: signersBitmap(certificate.signers, nMembers),
        message: certificate.message,
      })
    }
    using prepared = await this.#prepareFor(blobObjectId, options, certify, registered)
    const submitted = await raceSignal(prepared.submit(), signal)
    return { ...submitted, packageId, costFrost: prepared.costFrost }
  }

  /** A transaction that begins as `begin` says, and does with the blob what is wished besides. */
  async #prepareFor(
    blobObjectId: ObjectId,
    { signal, transferTo, share, untilEpoch }: CertifyOptions,
    begin: (calls: Calls, now: ChainState) => void,
    known?: BlobObject,
  ): Promise<PreparedPayment> {
    const end = (calls: Calls): void => {
      if (share) calls.shareBlob(blobObjectId)
      else if (transferTo !== undefined && transferTo !== this.wallet.address)
        calls.tx.transferObjects([blobObjectId], transferTo)
    }
    if (untilEpoch === undefined || (known !== undefined && known.storage.endEpoch >= untilEpoch)) {
      const add = (calls: Calls, now: ChainState) => {
        begin(calls, now)
        end(calls)
      }
      return { costFrost: 0n, ...(await this.#session.prepareCall(add, { signal, recent: true })) }
    }
    let extendedBy = 0
    let now: ChainState
    return await this.#session.preparePayment<BlobObject>(
      (state, { storage }) => {
        now = state
        // another program may have extended it meanwhile
        extendedBy = Math.max(0, untilEpoch - storage.endEpoch)
        if (extendedBy > 0) expectEpochs(extendedBy, state)
        return extensionCost(state, storage.storageSize, extendedBy)
      },
      (calls, { coin, source }) => {
        begin(calls, now)
        if (extendedBy > 0) calls.extendBlob(blobObjectId, extendedBy, coin)
        calls.tx.mergeCoins(source, [coin])
        end(calls)
      },
      { signal, recent: true, look: () => this.#session.blob(blobObjectId, undefined, { signal }) },
    )
  }

  /** Another program with this wallet was faster: the blob is what it should be, but for what was wished besides. */
  async #certifiedBefore(blobObjectId: ObjectId, options: CertifyOptions): Promise<Certification> {
    const { signal, transferTo, share, untilEpoch = 0 } = options
    const blob = await this.#session.blob(blobObjectId, undefined, { signal })
    const isThere = transferTo === undefined || blob.owner === transferTo
    if (isThere && !share && blob.storage.endEpoch >= untilEpoch) return { digest: '', costFrost: 0n, blob }
    using prepared = await this.#prepareFor(blobObjectId, options, () => {}, blob)
    const { outcome, visible } = await raceSignal(prepared.submit(), signal)
    await raceSignal(visible, signal)
    const { costFrost } = prepared
    return { digest: outcome.digest, costFrost, ...(await this.#read(blobObjectId, outcome, options)) }
  }

  /** Another program may have certified it and sent it to whom it is for: then there is nothing to do, and it is ours no longer. */
  async #sentBefore(
    blobObjectId: ObjectId,
    { signal, transferTo }: CertifyOptions,
    error: unknown,
  ): Promise<Certification> {
    if (transferTo === undefined || transferTo === this.wallet.address || !isChainError(error)) throw error
    const blob = await this.#session.blob(blobObjectId, undefined, { signal }).catch(() => undefined)
    if (blob?.certifiedEpoch === undefined || blob.owner !== transferTo) throw error
    return { digest: '', costFrost: 0n, blob }
  }

  /** The blob as a transaction left it. */
  async #read(
    blobObjectId: ObjectId,
    outcome: Outcome,
    { signal, share }: CertifyOptions,
  ): Promise<{ blob: BlobObject; sharedBlob?: ObjectId }> {
    if (!share) return { blob: await this.#session.blob(blobObjectId, outcome, { signal }) }
    const sharedBlob = sharedBlobIn(outcome)
    return { sharedBlob, blob: await this.#session.sharedBlob(sharedBlob, { signal }) }
  }

  async extend(
    blobObjectId: ObjectId,
    epochs: number,
    { signal, untilEpoch = Number.POSITIVE_INFINITY, maxCostFrost }: ExtendOptions = {},
  ): Promise<{ digest: string; costFrost: bigint; blob: BlobObject }> {
    const read = () => this.#session.blob(blobObjectId, undefined, { signal })
    const before = await read()
    if (before.storage.endEpoch >= untilEpoch) return { digest: '', costFrost: 0n, blob: before }
    let lacking = epochs
    using prepared = await this.#session.preparePayment<BlobObject>(
      (state, { storage }) => {
        expectEpochs(epochs, state)
        lacking = Math.max(0, Math.min(epochs, untilEpoch - storage.endEpoch))
        const costFrost = extensionCost(state, storage.storageSize, lacking)
        expectCost(costFrost, maxCostFrost)
        return costFrost
      },
      (calls, { coin, source }) => {
        if (lacking > 0) calls.extendBlob(blobObjectId, lacking, coin)
        calls.tx.mergeCoins(source, [coin])
      },
      { signal, recent: true, look: read },
    )
    const { outcome, visible } = await raceSignal(prepared.submit(), signal)
    await raceSignal(visible, signal)
    const blob = await this.#session.blob(blobObjectId, outcome, { signal })
    return { digest: outcome.digest, costFrost: prepared.costFrost, blob }
  }

  /** The storage that the blob had goes to the wallet. */
  async deleteBlob(blobObjectId: ObjectId, options?: CallOptions): Promise<{ digest: string }> {
    const { digest } = await this.#session.call(calls => {
      calls.tx.transferObjects([calls.deleteBlob(blobObjectId)], this.wallet.address)
    }, options)
    return { digest }
  }
}

/** How a registration gets its storage, and what is paid for it and for writing. */
interface RegistrationPlan {
  /** undefined: all of it is bought */
  storage: StorageObject | undefined
  bytes: bigint
  epochs: number
  endEpoch: number
  costFrost: bigint
}

function planRegistration(
  now: ChainState,
  storages: readonly StorageObject[],
  storageBytes: number,
  epochs: number,
): RegistrationPlan {
  const { epoch } = now.system.committee
  const endEpoch = epoch + epochs
  const bytes = BigInt(storageBytes)
  const plan = { bytes, epochs, endEpoch }
  const storage = chooseStorage(storages, { epoch, endEpoch, bytes })
  const lacking = Math.max(0, endEpoch - (storage?.endEpoch ?? epoch))
  return { ...plan, storage, costFrost: registrationCost(now, storageBytes, lacking) }
}

/** Exactly what is needed: the wallet keeps the rest of what it had. */
function takeStorage(
  calls: Calls,
  { storage, bytes, epochs, endEpoch }: RegistrationPlan,
  coin: TransactionObjectArgument,
  owner: ObjectId,
): TransactionObjectArgument {
  if (storage === undefined) return calls.reserveSpace(bytes, epochs, coin)
  const { tx } = calls
  const taken = tx.object(storage.id)
  if (storage.storageSize > bytes) tx.transferObjects([calls.splitBySize(taken, bytes)], owner)
  if (storage.endEpoch > endEpoch) tx.transferObjects([calls.splitByEpoch(taken, endEpoch)], owner)
  if (storage.endEpoch < endEpoch)
    calls.fuseStorages(taken, calls.reserveSpaceForEpochs(bytes, storage.endEpoch, endEpoch, coin))
  return taken
}

/** Storage for the epochs, and writing once; both by the started MiB. */
export function registrationCost(state: ChainState, storageBytes: number, epochs: number): bigint {
  const writing = BigInt(storageUnits(storageBytes)) * BigInt(state.system.write_price_per_unit_size)
  return extensionCost(state, BigInt(storageBytes), epochs) + writing
}

/** Storage for so many more epochs. */
export function extensionCost(state: ChainState, storageBytes: bigint, epochs: number): bigint {
  const units = BigInt(storageUnits(Number(storageBytes)))
  return units * BigInt(state.system.storage_price_per_unit_size) * BigInt(epochs)
}

function expectCost(costFrost: bigint, limitFrost = costFrost): void {
  if (costFrost <= limitFrost) return
  const message = `it costs ${costFrost} FROST by now, and may cost ${limitFrost}`
  throw new ChainError('COST_ABOVE_LIMIT', message, { costFrost, limitFrost })
}

export function expectEpochs(epochs: number, state: ChainState): void {
  const max = state.system.future_accounting.length
  if (Number.isInteger(epochs) && epochs >= 1 && epochs <= max) return
  const details = { what: 'epochs', value: String(epochs) }
  throw new ChainError('INVALID_ARGUMENT', `epochs must be 1 to ${max}, not ${epochs}`, details)
}

function expectShards(nShards: number, { staking }: ChainState): void {
  if (nShards === staking.n_shards) return
  const value = `${nShards} instead of ${staking.n_shards}`
  const message = `the blob is encoded for another number of shards: ${value}`
  throw new ChainError('INVALID_ARGUMENT', message, { what: 'nShards', value })
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}
