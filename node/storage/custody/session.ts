import type { Log } from '../../../base/log.ts'
import { sliverLength } from '../../../codec/index.ts'
import type { BlobMetadata, Confirmation, Epoch, Persistence, SliverRef } from '../../../codec/types.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import type { ArrivingSliver, PeerContext, SliverStore, StoreSession } from '../../../protocols/ports.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import type { BlobInfo } from '../events/blob-info.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { Arrival, Arrivals } from './arrivals.ts'
import type { InOffice } from './in-office.ts'
import { expectRegistered } from './registration.ts'
import type { ConfirmationSigner } from './signer.ts'
import type { SliverVerifier } from './verifier.ts'

export interface SessionComponents {
  verifier: SliverVerifier
  arrivals: Arrivals
  slivers: Pick<SliverStore, 'put'>
  metadata: Pick<MetadataStore, 'put'>
  blobs: Pick<BlobInfo, 'get'>
  committees: CommitteeTracker
  inOffice: InOffice
  signer: ConfirmationSigner
  log: Log
}

export interface SessionInit {
  metadata: BlobMetadata
  /** what will be confirmed; nothing when absent, and any registration will do then */
  persistence?: Persistence
  epoch: Epoch
  /** what the session is about: both slivers of each of the node's shards, or one of them */
  owed: readonly SliverRef[]
  /** those of them that are not stored as they should be */
  wanted: readonly SliverRef[]
  context: PeerContext
  onClose: () => void
}

/** Slivers of one blob being taken in, from a whole upload or one at a time, while nothing of the blob can be dropped. */
export class CustodySession implements StoreSession {
  readonly epoch: Epoch
  readonly metadata: BlobMetadata
  readonly wanted: readonly SliverRef[]
  readonly #components: SessionComponents
  readonly #init: SessionInit
  readonly #missing: Map<string, SliverRef>
  #metadataStored: Promise<void> | undefined
  #closed = false

  constructor(components: SessionComponents, init: SessionInit) {
    this.#components = components
    this.#init = init
    this.epoch = init.epoch
    this.metadata = init.metadata
    this.wanted = init.wanted
    this.#missing = new Map(init.wanted.map(ref => [keyOf(ref), ref]))
    // begun while the slivers are on their way; the first sliver that waits for it meets the error.
    // It shares the sync of whatever is stored behind it, as the slivers are
    if (init.wanted.length > 0) this.#storeMetadata().catch(() => undefined)
  }

  async receive(ref: SliverRef): Promise<ArrivingSliver> {
    const { arrivals } = this.#components
    const { pair, axis } = ref
    if (this.#closed) throw new ProtocolError('CLOSED')
    if (!this.#missing.has(keyOf(ref)))
      throw new ProtocolError('UNWANTED_SLIVER', { details: { pair, axis } })
    const { nShards, unencodedLength } = this.#init.metadata
    const arrival = await arrivals.begin(sliverLength(nShards, unencodedLength, axis))
    return {
      write: bytes => arrival.write(bytes),
      accept: () => this.#accept(ref, arrival),
      close: () => arrival.close(),
    }
  }

  async #accept(ref: SliverRef, arrival: Arrival): Promise<void> {
    const { verifier, slivers, blobs, committees, inOffice } = this.#components
    const { metadata, persistence, context } = this.#init
    const { blobId } = metadata
    const { signal } = context
    const mismatch = () =>
      new ProtocolError('SLIVER_MISMATCH', { details: { pair: ref.pair, axis: ref.axis } })
    if (this.#closed) throw new ProtocolError('CLOSED')
    if (!arrival.isWhole) throw mismatch()
    await arrival.whole(signal, async bytes => {
      if (!(await verifier.isSliver(metadata, ref, bytes, signal))) throw mismatch()
      // the shard may be another node's by now: one that is locked takes no write
      const now = committees.latest()?.epoch ?? this.epoch
      if (now !== this.epoch) throw new ProtocolError('EPOCH_CHANGED', { details: { epoch: now } })
      // where no confirmation comes later in the session, nobody else looks
      if (persistence === undefined) {
        const { epoch } = await inOffice(signal)
        expectRegistered(await blobs.get(blobId), { blobId }, epoch, 'BLOB_GONE')
      }
      // the metadata before any sliver: nothing is served, or confirmed later, without it
      await this.#storeMetadata()
      await slivers.put(blobId, ref, bytes, { signal })
    })
    this.#missing.delete(keyOf(ref))
  }

  async confirm(): Promise<Confirmation> {
    const { blobs, inOffice, signer, log } = this.#components
    const { metadata, persistence, context } = this.#init
    const { blobId } = metadata
    if (persistence === undefined) throw new TypeError('this session confirms nothing')
    if (this.#missing.size > 0)
      throw new ProtocolError('INCOMPLETE', { details: { missing: this.#missing.size } })
    await this.#storeMetadata()
    await this.#expectStored()
    // what held when the upload began may have ended while the slivers travelled
    const { current } = await inOffice(context.signal)
    if (current.epoch !== this.epoch)
      throw new ProtocolError('EPOCH_CHANGED', { details: { epoch: current.epoch } })
    expectRegistered(await blobs.get(blobId), { blobId, persistence }, this.epoch, 'BLOB_GONE')
    const confirmation = signer.confirm({ epoch: this.epoch, blobId, persistence })
    log.info(
      { blobId, slivers: this.wanted.length, persistence: persistence.kind },
      'took a blob into custody',
    )
    return confirmation
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#init.onClose()
  }

  /**
   * A signature is a promise: every sliver is looked at once more, whether it was there before, was just written, or has been
   * harmed since. What was verified and not touched since costs a look at its file.
   */
  async #expectStored(): Promise<void> {
    const { metadata, owed, context } = this.#init
    const missing = await this.#components.verifier.missingOf(metadata, owed, context)
    if (missing.length > 0) throw new ProtocolError('INCOMPLETE', { details: { missing: missing.length } })
  }

  #storeMetadata(): Promise<void> {
    this.#metadataStored ??= this.#components.metadata.put(this.#init.metadata, {
      sync: this.wanted.length === 0,
    })
    return this.#metadataStored
  }
}

const keyOf = ({ axis, pair }: SliverRef): string => `${axis}/${pair}`
