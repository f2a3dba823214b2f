import type { Codec } from '../../codec/index.ts'
import { CodecError, pairOfShard, verifyMetadata } from '../../codec/index.ts'
import type { BlobId, BlobMetadata, Confirmation, Epoch, ObjectId, SliverRef } from '../../codec/types.ts'
import { ProtocolError } from '../../protocols/index.ts'
import type {
  Custody,
  Log,
  PeerContext,
  SliverStore,
  StoreHeader,
  StoreSession,
} from '../../protocols/ports.ts'
import { isRegistered } from '../store/blob-state.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { BlobInfo } from './blob-info.ts'
import { type CommitteeTracker, memberOf } from './committees.ts'
import type { ConfirmationSigner } from './signer.ts'

export interface CustodyComponents {
  nodeId: ObjectId
  codec: Pick<Codec, 'verifySliver'>
  slivers: SliverStore
  metadata: MetadataStore
  blobs: Pick<BlobInfo, 'waitFor' | 'get'>
  committees: CommitteeTracker
  signer: ConfirmationSigner
  log: Log
}

export interface CustodyInit {
  /** how long to wait for the event of a registration that the client says it made */
  registrationWaitMs?: number
}

/** Takes slivers into custody: checks everything itself, persists, and only then signs. */
export interface CustodyService extends Custody {
  /** Whether an upload of the blob is under way, so that its slivers must not be swept. */
  isOpen(blobId: BlobId): boolean
}

/** A client's own RPC may be ahead of ours; more than this and the registration does not exist. */
const REGISTRATION_WAIT_MS = 10_000

export function createCustody(
  components: CustodyComponents,
  { registrationWaitMs = REGISTRATION_WAIT_MS }: CustodyInit = {},
): CustodyService {
  const open = new Map<BlobId, number>()
  return {
    isOpen: blobId => open.has(blobId),
    async open(header, context) {
      const { blobId } = header.metadata
      // from before the first look at what is stored: nothing may be swept between that look and the signature
      open.set(blobId, (open.get(blobId) ?? 0) + 1)
      const leave = () => {
        const left = (open.get(blobId) ?? 1) - 1
        if (left === 0) open.delete(blobId)
        else open.set(blobId, left)
      }
      try {
        const admitted = await admit(components, header, context, registrationWaitMs)
        return new Session(components, header, admitted, context.signal, leave)
      } catch (error) {
        leave()
        throw error
      }
    },
  }
}

interface Admitted {
  epoch: Epoch
  /** both slivers of each of the node's shards */
  owed: SliverRef[]
  /** those of them that are not stored yet */
  wanted: SliverRef[]
}

/** Every check that needs no sliver. */
async function admit(
  { nodeId, slivers, blobs, committees }: CustodyComponents,
  { metadata, persistence }: StoreHeader,
  { signal }: PeerContext,
  registrationWaitMs: number,
): Promise<Admitted> {
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
  if (state?.invalid) throw new ProtocolError('BLOB_INVALID', { args: { blobId } })
  if (!isRegistered(state, persistence, current.epoch)) {
    throw new ProtocolError('NOT_REGISTERED', { args: { blobId } })
  }
  // most uploads are of new blobs: one look at the index instead of one per sliver
  const listed = new Set((await slivers.list(blobId)).map(keyOf))
  const owed: SliverRef[] = []
  const wanted: SliverRef[] = []
  for (const shard of shards) {
    const pair = pairOfShard(shard, blobId, current.nShards)
    for (const axis of ['primary', 'secondary'] as const) {
      const ref = { pair, axis }
      owed.push(ref)
      if (!listed.has(keyOf(ref)) || !(await slivers.has(blobId, ref))) wanted.push(ref)
    }
  }
  return { epoch: current.epoch, owed, wanted }
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
  readonly #signal: AbortSignal
  readonly #onClose: () => void
  readonly #owed: readonly SliverRef[]
  readonly #missing: Map<string, SliverRef>
  #metadataStored: Promise<void> | undefined
  #closed = false

  constructor(
    components: CustodyComponents,
    header: StoreHeader,
    { epoch, owed, wanted }: Admitted,
    signal: AbortSignal,
    onClose: () => void,
  ) {
    this.#components = components
    this.#header = header
    this.epoch = epoch
    this.wanted = wanted
    this.#owed = owed
    this.#signal = signal
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
    try {
      await codec.verifySliver(metadata, ref, bytes, { signal: this.#signal })
    } catch (cause) {
      this.#signal.throwIfAborted()
      const lie = cause instanceof CodecError && /^SLIVER_/.test(cause.code)
      throw lie ? new ProtocolError('SLIVER_MISMATCH', { args, cause }) : cause
    }
    try {
      // the metadata before any sliver: it is by them that what a crash leaves behind is found and swept one day
      await this.#storeMetadata()
      await slivers.put(metadata.blobId, ref, bytes, { signal: this.#signal })
    } catch (cause) {
      const full = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC'
      throw full ? new ProtocolError('NO_SPACE', { cause }) : cause
    }
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
    const { current } = await chainUp(committees.get({ signal: this.#signal }), this.#signal)
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

  /** Slivers may have been found damaged while others travelled: the promise is made for what is there now. */
  async #expectStored(): Promise<void> {
    const listed = new Set((await this.#components.slivers.list(this.#header.metadata.blobId)).map(keyOf))
    const missing = this.#owed.filter(ref => !listed.has(keyOf(ref))).length
    if (missing > 0) throw new ProtocolError('INCOMPLETE', { args: { missing } })
  }

  #storeMetadata(): Promise<void> {
    this.#metadataStored ??= this.#components.metadata.put(this.#header.metadata)
    return this.#metadataStored
  }
}

const keyOf = ({ axis, pair }: SliverRef): string => `${axis}/${pair}`
