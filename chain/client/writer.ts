import { raceSignal } from 'race-signal'
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
import { ChainError, isChainError } from '../errors.ts'
import type {
  BlobObject,
  CallOptions,
  CertifyOptions,
  ChainWriter,
  PreparedRegistration,
  RegisterInput,
  Registration,
  Wallet,
} from '../types/index.ts'
import { blobType } from './blobs.ts'
import { certifiedEpochIn } from './events.ts'
import type { SubmittedTransaction } from './executor.ts'
import { type SessionComponents, WalletSession } from './session.ts'
import type { ChainState } from './state.ts'

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
    const { metadata, epochs, deletable } = input
    const rootHash = littleEndian(input.rootHash ?? metadataRoot(metadata))
    const storageBytes = encodedSize(metadata.nShards, metadata.unencodedLength)
    let type = ''
    const prepared = await this.#session.preparePayment(
      now => {
        expectEpochs(epochs, now)
        expectShards(metadata.nShards, now)
        type = blobType(now.originalPackageId)
        return registrationCost(now, storageBytes, epochs)
      },
      (calls, { coin, source }) => {
        const storage = calls.reserveSpace(BigInt(storageBytes), epochs, coin)
        const blob = calls.registerBlob({
          storage,
          blobId: blobIdToU256(metadata.blobId),
          rootHash,
          sizeBytes: metadata.unencodedLength,
          encodingType: ENCODING_RS2,
          deletable,
          payment: coin,
        })
        calls.tx.mergeCoins(source, [coin])
        calls.tx.transferObjects([blob], this.wallet.address)
      },
      { signal, recent: true },
    )
    const read = async (objectId: ObjectId, { outcome, visible }: SubmittedTransaction) => {
      await visible
      const blob = await this.#session.blob(objectId, outcome, { signal })
      return { blob, digest: outcome.digest, costFrost: prepared.costFrost }
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
  ): Promise<{ digest: string; blob: BlobObject; costFrost: bigint }> {
    const { signal, transferTo, registered } = options
    const certified = await this.#submitCertificate(blobObjectId, certificate, options).catch(error => {
      if (isChainError(error, 'MOVE_ABORT') && error.details.name === 'EAlreadyCertified') return undefined
      throw error
    })
    if (certified === undefined) return await this.#certifiedBefore(blobObjectId, options)
    const { outcome, visible, packageId } = certified
    // an outcome is final; that reads see it is only waited for when something has to be read, and by the next transaction
    const certifiedEpoch = certifiedEpochIn(outcome.events, packageId, blobObjectId)
    const isKnown = registered !== undefined && certifiedEpoch !== undefined
    if (!isKnown) await raceSignal(visible, signal)
    const blob = isKnown
      ? { ...registered, certifiedEpoch, owner: transferTo ?? this.wallet.address }
      : await this.#session.blob(blobObjectId, outcome, { signal })
    // certifying is paid for by the write price at registration
    return { digest: outcome.digest, blob, costFrost: 0n }
  }

  async #submitCertificate(
    blobObjectId: ObjectId,
    certificate: Certificate,
    { signal, transferTo }: CertifyOptions,
  ): Promise<SubmittedTransaction & { packageId: ObjectId }> {
    let packageId: ObjectId | undefined
    using prepared = await this.#session.prepareCall(
      (calls, now) => {
        packageId = now.originalPackageId
        // a larger committee may have signed than is in office by now: it is for the chain to refuse that
        const nMembers = Math.max(now.system.committee.members.length, ...certificate.signers.map(i => i + 1))
        calls.certifyBlob(blobObjectId, {
          signature: certificate.signature,
          signersBitmap: signersBitmap(certificate.signers, nMembers),
          message: certificate.message,
        })
        if (transferTo !== undefined && transferTo !== this.wallet.address) {
          calls.tx.transferObjects([blobObjectId], transferTo)
        }
      },
      { signal, recent: true },
    )
    const submitted = await raceSignal(prepared.submit(), signal)
    return { ...submitted, packageId: packageId as ObjectId }
  }

  /** Another program with this wallet was faster: the blob is what it should be, but for its owner. */
  async #certifiedBefore(
    blobObjectId: ObjectId,
    { signal, transferTo }: CertifyOptions,
  ): Promise<{ digest: string; blob: BlobObject; costFrost: bigint }> {
    const sent =
      transferTo === undefined || transferTo === this.wallet.address
        ? undefined
        : await this.#session.call(calls => void calls.tx.transferObjects([blobObjectId], transferTo), {
            signal,
          })
    const blob = await this.#session.blob(blobObjectId, sent, { signal })
    return { digest: sent?.digest ?? '', blob, costFrost: 0n }
  }

  async extend(blobObjectId: ObjectId, epochs: number, options?: CallOptions): Promise<{ digest: string }> {
    const { storage } = await this.#session.blob(blobObjectId, undefined, options)
    const { outcome } = await this.#session.pay(
      now => {
        expectEpochs(epochs, now)
        return extensionCost(now, storage.storageSize, epochs)
      },
      (calls, { coin, source }) => {
        calls.extendBlob(blobObjectId, epochs, coin)
        calls.tx.mergeCoins(source, [coin])
      },
      options,
    )
    return { digest: outcome.digest }
  }

  /** The storage that the blob had goes to the wallet. */
  async deleteBlob(blobObjectId: ObjectId, options?: CallOptions): Promise<{ digest: string }> {
    const { digest } = await this.#session.call(calls => {
      calls.tx.transferObjects([calls.deleteBlob(blobObjectId)], this.wallet.address)
    }, options)
    return { digest }
  }
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
