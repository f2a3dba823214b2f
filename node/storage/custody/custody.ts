import type { Clock } from '../../../base/clock.ts'
import { type Codec, pairOfShard, shardOfPair } from '../../../codec/index.ts'
import type {
  BlobId,
  BlobMetadata,
  Confirmation,
  Epoch,
  ObjectId,
  Persistence,
  SliverRef,
} from '../../../codec/types.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import type {
  PeerContext,
  Custody as PeerCustody,
  SliverStore,
  StoreHeader,
  StoreSession,
} from '../../../protocols/ports.ts'
import { memberOf } from '../../network/committees.ts'
import type { BlobLock } from '../blob-lock.ts'
import type { BlobInfo } from '../events/blob-info.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import { openArrivals } from './arrivals.ts'
import { createInOffice } from './in-office.ts'
import { type Claim, expectRegistered, REGISTRATION_WAITS_MS, waitForRegistration } from './registration.ts'
import { CustodySession, type SessionComponents } from './session.ts'
import { createSliverVerifier } from './verifier.ts'

export interface CustodyComponents extends Omit<SessionComponents, 'verifier' | 'arrivals' | 'inOffice'> {
  nodeId: ObjectId
  nShards: number
  codec: Pick<Codec, 'verifySliver' | 'isMetadata'>
  /** a folder of its own on the store's disk, for slivers on their way in; they are all in memory when absent */
  arrivalsPath?: string
  slivers: SliverStore
  metadata: MetadataStore
  /** Throws when there is no room on the disk, for `bytes` more. */
  expectRoom: (bytes?: number) => Promise<void>
  blobs: Pick<BlobInfo, 'waitFor' | 'get'>
  /** whose beginning this node has heard of last */
  epoch: () => Epoch
  lock: Pick<BlobLock, 'enter' | 'exclusively' | 'isOpen'>
  clock: Clock
  /** what of each sliver is in memory while it arrives; ARRIVAL_MEMORY_BYTES when absent */
  arrivalMemoryBytes?: number
  /** how long an upload may wait for the event of its registration; REGISTRATION_WAITS_MS says when absent */
  registrationWaitMs?: number
}

/**
 * Takes blobs into custody: checks everything itself, persists, and only then signs. Uploads come as a whole over libp2p
 * (`open`), or one request at a time over HTTP (`expectMetadata`, `putMetadata`, `openSliver`, `confirm`), by the same rules.
 * Nothing is kept before the blob is registered, so that nothing has to be given up later: who comes early waits.
 * Everything throws ProtocolError.
 */
export interface Custody extends PeerCustody {
  readonly nShards: number
  /** Whether the metadata is to be sent: false when it is stored. NOT_REGISTERED, BLOB_INVALID, NO_SPACE. */
  expectMetadata(blobId: BlobId, context: PeerContext): Promise<boolean>
  /** Verifies and persists; METADATA_MISMATCH, BLOB_GONE when the blob ended meanwhile. */
  putMetadata(metadata: BlobMetadata, context: PeerContext): Promise<void>
  /**
   * A session for one sliver, which confirms nothing; `wanted` is empty when the sliver is stored. Undefined when the metadata
   * is not: it must come before. UNWANTED_SLIVER when its shard is another node's; NOT_REGISTERED, BLOB_INVALID, NO_SPACE.
   */
  openSliver(blobId: BlobId, ref: SliverRef, context: PeerContext): Promise<SliverSession | undefined>
  /**
   * Signs once everything of this node's shards is durable; INCOMPLETE until then. NOT_REGISTERED at once for a blob that is
   * not registered at all, a second later for one that is not registered so.
   */
  confirm(blobId: BlobId, persistence: Persistence, context: PeerContext): Promise<Confirmation>
}

export type SliverSession = Omit<StoreSession, 'confirm'> & Pick<CustodySession, 'metadata'>

/** For slivers that are there already, before the client hears which ones are wanted; it waits for 30 s. */
const CHECK_MS = 8_000

/** Clears what a kill left of slivers on their way. */
export async function openCustody(components: CustodyComponents): Promise<Custody> {
  const { arrivalsPath: path, expectRoom, clock, arrivalMemoryBytes: memoryBytes } = components
  const verifier = createSliverVerifier(components)
  const arrivals = await openArrivals({
    path,
    expectRoom,
    verifier,
    clock,
    memoryBytes,
  })
  const inOffice = createInOffice(components.committees, components.epoch)
  return new BlobCustody({ ...components, verifier, arrivals, inOffice })
}

interface Upload {
  metadata: BlobMetadata
  persistence?: Persistence
  context: PeerContext
  epoch: Epoch
}

class BlobCustody implements Custody {
  readonly #components: CustodyComponents & SessionComponents
  readonly #registrationWaitMs: number

  constructor(components: CustodyComponents & SessionComponents) {
    this.#components = components
    this.#registrationWaitMs = components.registrationWaitMs ?? REGISTRATION_WAITS_MS.upload
  }

  get nShards(): number {
    return this.#components.nShards
  }

  open(header: StoreHeader, context: PeerContext): Promise<StoreSession> {
    return this.#openAll(header, context, this.#registrationWaitMs)
  }

  async expectMetadata(blobId: BlobId, context: PeerContext): Promise<boolean> {
    const { metadata, expectRoom } = this.#components
    const { epoch } = await this.#components.inOffice(context.signal)
    await this.#registered({ blobId }, context, epoch, this.#registrationWaitMs)
    if ((await metadata.get(blobId)) !== undefined) return false
    await expectRoom()
    return true
  }

  async putMetadata(metadata: BlobMetadata, context: PeerContext): Promise<void> {
    const { codec, lock, blobs } = this.#components
    const { blobId } = metadata
    if (!(await codec.isMetadata(metadata)))
      throw new ProtocolError('METADATA_MISMATCH', { details: { blobId } })
    const { epoch } = await this.#components.inOffice(context.signal)
    const leave = await lock.enter(blobId)
    try {
      expectRegistered(await blobs.get(blobId), { blobId }, epoch, 'BLOB_GONE')
      await this.#components.metadata.put(metadata)
    } finally {
      leave()
    }
  }

  async openSliver(blobId: BlobId, ref: SliverRef, context: PeerContext): Promise<SliverSession | undefined> {
    const { current, epoch } = await this.#components.inOffice(context.signal)
    const { nodeId, nShards } = this.#components
    const shards = memberOf(current, nodeId)?.shards ?? []
    const { pair, axis } = ref
    if (!shards.includes(shardOfPair(pair, blobId, nShards)))
      throw new ProtocolError('UNWANTED_SLIVER', { details: { pair, axis } })
    await this.#registered({ blobId }, context, epoch, this.#registrationWaitMs)
    const metadata = await this.#components.metadata.get(blobId)
    if (metadata === undefined) return undefined
    return await this.#begin({ metadata, context, epoch }, [ref])
  }

  async confirm(blobId: BlobId, persistence: Persistence, context: PeerContext): Promise<Confirmation> {
    const { codec, metadata: records, blobs } = this.#components
    const { epoch } = await this.#components.inOffice(context.signal)
    expectRegistered(await blobs.get(blobId), { blobId }, epoch, 'NOT_REGISTERED')
    const metadata = await records.get(blobId)
    if (metadata === undefined) throw new ProtocolError('INCOMPLETE', { details: { missing: 1 } })
    if (!(await codec.isMetadata(metadata))) {
      // a record of our own that is damaged: it has to come again
      await this.#dropDamaged(blobId)
      throw new ProtocolError('INCOMPLETE', { details: { missing: 1 } })
    }
    const session = await this.#openAll(
      { metadata, persistence },
      context,
      REGISTRATION_WAITS_MS.confirmation,
    )
    try {
      return await session.confirm()
    } finally {
      session.close()
    }
  }

  /** It may have come again meanwhile; an upload that is open brings it. */
  async #dropDamaged(blobId: BlobId): Promise<void> {
    const { codec, lock, metadata: records } = this.#components
    await lock.exclusively(blobId, async () => {
      const metadata = await records.get(blobId)
      if (metadata === undefined || lock.isOpen(blobId) || (await codec.isMetadata(metadata))) return
      await records.delete(blobId)
    })
  }

  /** A session for both slivers of each of the node's shards. */
  async #openAll(
    { metadata, persistence }: Omit<StoreHeader, 'registerDigest'>,
    context: PeerContext,
    timeoutMs: number,
  ): Promise<StoreSession> {
    const { codec, nodeId } = this.#components
    const { blobId } = metadata
    const { current } = await this.#components.inOffice(context.signal)
    const { epoch, nShards } = current
    if (metadata.nShards !== nShards || !(await codec.isMetadata(metadata)))
      throw new ProtocolError('METADATA_MISMATCH', { details: { blobId } })
    const shards = memberOf(current, nodeId)?.shards ?? []
    if (shards.length === 0) throw new ProtocolError('NOT_IN_COMMITTEE', { details: { epoch } })
    await this.#registered({ blobId, persistence }, context, epoch, timeoutMs)
    const owed = shards.flatMap(shard => {
      const pair = pairOfShard(shard, blobId, nShards)
      return (['primary', 'secondary'] as const).map(axis => ({ pair, axis }))
    })
    return await this.#begin({ metadata, persistence, context, epoch }, owed)
  }

  /** From before the first look at what is stored, nothing may be dropped until the signature. */
  async #begin(upload: Upload, owed: readonly SliverRef[]): Promise<CustodySession> {
    const onClose = await this.#components.lock.enter(upload.metadata.blobId)
    try {
      const wanted = await this.#wanted(upload, owed)
      return new CustodySession(this.#components, { ...upload, owed, wanted, onClose })
    } catch (error) {
      onClose()
      throw error
    }
  }

  async #wanted(
    { metadata, persistence, context, epoch }: Upload,
    owed: readonly SliverRef[],
  ): Promise<SliverRef[]> {
    const { blobs, slivers, verifier, expectRoom } = this.#components
    const { blobId } = metadata
    // it may have ended before the upload counted as open
    const claim = { blobId, persistence }
    expectRegistered(await blobs.get(blobId), claim, epoch, 'NOT_REGISTERED')
    // most uploads are of new blobs: one look at the index instead of one per sliver
    const listed = owed.length === 1 ? owed : await slivers.list(blobId)
    const names = new Set(listed.map(nameOf))
    const there = owed.filter(ref => names.has(nameOf(ref)))
    const missing = new Set(await verifier.missingOf(metadata, there, context, CHECK_MS))
    const wanted = owed.filter(ref => !names.has(nameOf(ref)) || missing.has(ref))
    // before anybody sends what cannot be kept; what is there already may be confirmed all the same
    if (wanted.length > 0) await expectRoom()
    return wanted
  }

  async #registered(claim: Claim, { signal }: PeerContext, epoch: Epoch, timeoutMs: number): Promise<void> {
    const state = await waitForRegistration(this.#components.blobs, claim, { epoch, timeoutMs, signal })
    expectRegistered(state, claim, epoch, 'NOT_REGISTERED')
  }
}

const nameOf = ({ axis, pair }: SliverRef): string => `${axis}/${pair}`
