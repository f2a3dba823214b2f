import type { Log } from '../../../base/log.ts'
import type { Committee } from '../../../chain/types.ts'
import type { Codec } from '../../../codec/index.ts'
import { CodecError, pairOfShard, verifyMetadata } from '../../../codec/index.ts'
import type {
  BlobId,
  BlobMetadata,
  Confirmation,
  Epoch,
  ObjectId,
  Persistence,
  ShardIndex,
  SliverRef,
} from '../../../codec/types.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import type {
  Custody,
  PeerContext,
  SliverStore,
  StoreHeader,
  StoreSession,
} from '../../../protocols/ports.ts'
import { type CommitteeTracker, memberOf } from '../../network/committees.ts'
import type { BlobInfo } from '../events/blob-info.ts'
import { type BlobState, isRegistered } from '../store/blob-state.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { OpenUploads } from './open-uploads.ts'
import type { ConfirmationSigner } from './signer.ts'
import { isSliver, missingOf } from './stored-slivers.ts'

export interface CustodyComponents {
  nodeId: ObjectId
  codec: Pick<Codec, 'verifySliver'>
  slivers: SliverStore
  metadata: MetadataStore
  /** Throws when there is no room on the disk. */
  expectRoom: () => Promise<void>
  blobs: Pick<BlobInfo, 'waitFor' | 'get'>
  committees: CommitteeTracker
  uploads: Pick<OpenUploads, 'enter'>
  signer: ConfirmationSigner
  log: Log
}

export interface CustodyInit {
  /** how long to wait for the event of a registration that the client says it made */
  registrationWaitMs?: number
}

/** Takes slivers into custody: checks everything itself, persists, and only then signs. */
export interface CustodyService extends Custody {
  /** `registrationWaitMs` overrides the one that the service was made with. */
  open(header: StoreHeader, context: PeerContext, options?: CustodyInit): Promise<StoreSession>
}

/** A client's own RPC may be ahead of ours; more than this and the registration does not exist. */
const REGISTRATION_WAIT_MS = 10_000
/** For slivers that are there already, before the client hears which ones are wanted; it waits for 30 s. */
const CHECK_MS = 8_000

export function createCustody(
  components: CustodyComponents,
  { registrationWaitMs = REGISTRATION_WAIT_MS }: CustodyInit = {},
): CustodyService {
  return {
    async open(header, context, { registrationWaitMs: waitMs = registrationWaitMs } = {}) {
      const member = await admit(components, header, context, waitMs)
      // from before the first look at what is stored: nothing may be dropped between that look and the signature
      const leave = await components.uploads.enter(header.metadata.blobId)
      try {
        const admitted = await look(components, header, context, member)
        return new Session(components, header, admitted, context, leave)
      } catch (error) {
        leave()
        throw error
      }
    },
  }
}

/** The node in the committee. */
interface Member {
  current: Committee
  shards: readonly ShardIndex[]
}

interface Admitted {
  epoch: Epoch
  /** both slivers of each of the node's shards */
  owed: SliverRef[]
  /** those of them that are not stored as they should be */
  wanted: SliverRef[]
}

/** Every check that needs nothing of the store. */
async function admit(
  components: CustodyComponents,
  { metadata, persistence }: StoreHeader,
  context: PeerContext,
  registrationWaitMs: number,
): Promise<Member> {
  const { nodeId, blobs, committees } = components
  const { signal } = context
  const { blobId } = metadata
  const { current } = await chainUp(committees.get({ signal }), signal)
  checkMetadata(metadata, current.nShards)
  const shards = memberOf(current, nodeId)?.shards ?? []
  if (shards.length === 0) throw new ProtocolError('NOT_IN_COMMITTEE', { args: { epoch: current.epoch } })

  const state = await blobs.waitFor(
    blobId,
    seen => seen?.invalid === true || isRegistered(seen, persistence, current.epoch),
    { timeoutMs: registrationWaitMs, signal },
  )
  expectRegistered(state, blobId, persistence, current.epoch)
  return { current, shards }
}

function expectRegistered(
  state: BlobState | undefined,
  blobId: BlobId,
  persistence: Persistence,
  epoch: Epoch,
): void {
  if (state?.invalid) throw new ProtocolError('BLOB_INVALID', { args: { blobId } })
  if (!isRegistered(state, persistence, epoch))
    throw new ProtocolError('NOT_REGISTERED', { args: { blobId } })
}

/** What is there already, while nothing of it can be dropped any more. */
async function look(
  components: CustodyComponents,
  { metadata, persistence }: StoreHeader,
  context: PeerContext,
  { current, shards }: Member,
): Promise<Admitted> {
  const { slivers, blobs } = components
  const { blobId } = metadata
  // it may have ended before the upload counted as open
  expectRegistered(await blobs.get(blobId), blobId, persistence, current.epoch)
  const owed = shards.flatMap(shard => {
    const pair = pairOfShard(shard, blobId, current.nShards)
    return (['primary', 'secondary'] as const).map(axis => ({ pair, axis }))
  })
  // most uploads are of new blobs: one look at the index instead of one per sliver
  const listed = new Set((await slivers.list(blobId)).map(keyOf))
  const there = owed.filter(ref => listed.has(keyOf(ref)))
  const missing = new Set(await missingOf(components, metadata, there, context, CHECK_MS))
  // before anybody sends what cannot be kept; what is there already may be confirmed all the same
  if (there.length < owed.length || missing.size > 0) await components.expectRoom()
  return {
    epoch: current.epoch,
    owed,
    wanted: owed.filter(ref => !listed.has(keyOf(ref)) || missing.has(ref)),
  }
}

function checkMetadata(metadata: BlobMetadata, nShards: number): void {
  const args = { blobId: metadata.blobId }
  if (metadata.nShards !== nShards) throw new ProtocolError('METADATA_MISMATCH', { args })
  try {
    verifyMetadata(metadata)
  } catch (cause) {
    throw cause instanceof CodecError ? new ProtocolError('METADATA_MISMATCH', { args, cause }) : cause
  }
}

async function chainUp<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    signal.throwIfAborted()
    throw new ProtocolError('CHAIN_UNAVAILABLE', { cause, retryAfterMs: 1_000 })
  }
}

class Session implements StoreSession {
  readonly epoch: Epoch
  readonly wanted: readonly SliverRef[]
  readonly #components: CustodyComponents
  readonly #header: StoreHeader
  readonly #context: PeerContext
  readonly #onClose: () => void
  readonly #owed: readonly SliverRef[]
  readonly #missing: Map<string, SliverRef>
  #metadataStored: Promise<void> | undefined
  #closed = false

  constructor(
    components: CustodyComponents,
    header: StoreHeader,
    { epoch, owed, wanted }: Admitted,
    context: PeerContext,
    onClose: () => void,
  ) {
    this.#components = components
    this.#header = header
    this.epoch = epoch
    this.wanted = wanted
    this.#owed = owed
    this.#context = context
    this.#onClose = onClose
    this.#missing = new Map(wanted.map(ref => [keyOf(ref), ref]))
    // begun while the slivers are on their way; whoever waits for it meets the error
    if (wanted.length > 0) this.#storeMetadata().catch(() => undefined)
  }

  async accept(ref: SliverRef, bytes: Uint8Array): Promise<void> {
    const { codec, slivers } = this.#components
    const { metadata } = this.#header
    if (this.#closed) throw new ProtocolError('CLOSED')
    const args = { pair: ref.pair, axis: ref.axis }
    if (!this.#missing.has(keyOf(ref))) throw new ProtocolError('UNWANTED_SLIVER', { args })
    if (!(await isSliver(codec, metadata, ref, bytes, this.#context.signal)))
      throw new ProtocolError('SLIVER_MISMATCH', { args })
    // the metadata before any sliver: nothing is served, or confirmed by pieces, without it
    await this.#storeMetadata()
    await slivers.put(metadata.blobId, ref, bytes, { signal: this.#context.signal })
    this.#missing.delete(keyOf(ref))
  }

  async confirm(): Promise<Confirmation> {
    const { blobs, committees, signer, log } = this.#components
    const { metadata, persistence } = this.#header
    const { blobId } = metadata
    if (this.#missing.size > 0)
      throw new ProtocolError('INCOMPLETE', { args: { missing: this.#missing.size } })
    await this.#storeMetadata()
    await this.#expectStored()
    // what held when the upload began may have ended while the slivers travelled
    const { current } = await chainUp(committees.get({ signal: this.#context.signal }), this.#context.signal)
    if (current.epoch !== this.epoch)
      throw new ProtocolError('EPOCH_CHANGED', { args: { epoch: current.epoch } })
    const state = await blobs.get(blobId)
    if (state?.invalid) throw new ProtocolError('BLOB_INVALID', { args: { blobId } })
    if (!isRegistered(state, persistence, this.epoch))
      throw new ProtocolError('BLOB_GONE', { args: { blobId } })
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
    this.#onClose()
  }

  /**
   * A signature is a promise: every sliver is looked at once more, whether it was there before, was just written, or has been
   * harmed since. What was verified and not touched since costs a look at its file.
   */
  async #expectStored(): Promise<void> {
    const missing = await missingOf(this.#components, this.#header.metadata, this.#owed, this.#context)
    if (missing.length > 0) throw new ProtocolError('INCOMPLETE', { args: { missing: missing.length } })
  }

  #storeMetadata(): Promise<void> {
    this.#metadataStored ??= this.#components.metadata.put(this.#header.metadata)
    return this.#metadataStored
  }
}

const keyOf = ({ axis, pair }: SliverRef): string => `${axis}/${pair}`
