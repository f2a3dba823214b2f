import { type Codec, isMetadata, shardOfPair } from '../../../codec/index.ts'
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
import type { OpenSliver, PeerContext, SliverStore } from '../../../protocols/ports.ts'
import { type CommitteeTracker, memberOf } from '../../network/committees.ts'
import type { BlobInfo } from '../events/blob-info.ts'
import { type BlobState, liveRegistrations } from '../store/blob-state.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { CustodyService } from './custody.ts'
import type { OpenUploads } from './open-uploads.ts'
import { isSliver, missingOf } from './stored-slivers.ts'

export interface PiecesComponents {
  nodeId: ObjectId
  nShards: number
  codec: Pick<Codec, 'verifySliver'>
  slivers: SliverStore
  metadata: MetadataStore
  expectRoom: () => Promise<void>
  blobs: Pick<BlobInfo, 'waitFor' | 'get'>
  committees: CommitteeTracker
  custody: Pick<CustodyService, 'open'>
  uploads: Pick<OpenUploads, 'enter'>
}

export interface PiecesInit {
  /** how long to wait for the event of a registration that the client says it made */
  registrationWaitMs?: number
  /** the same for one more registration of a blob that is known already */
  confirmationWaitMs?: number
}

/**
 * Custody piece by piece, for clients that send metadata first, then slivers one by one, each in a request of its own,
 * and ask for the confirmation last. Nothing is kept before the blob is registered, so that nothing has to be given up
 * later: whoever comes early waits. Everything throws ProtocolError.
 */
export interface Pieces {
  readonly nShards: number
  /** Waits for the registration; NOT_REGISTERED, BLOB_INVALID. Ask before taking the bytes of anything. */
  expectRegistered(blobId: BlobId, context: PeerContext): Promise<void>
  /** Throws when there is no room on the disk. Ask before taking the bytes of anything. */
  expectRoom(): Promise<void>
  hasMetadata(blobId: BlobId): Promise<boolean>
  metadata(blobId: BlobId): Promise<BlobMetadata | undefined>
  /** Verifies and persists; METADATA_MISMATCH. */
  putMetadata(metadata: BlobMetadata): Promise<void>
  /** UNWANTED_SLIVER when its shard is another node's. */
  expectOurs(blobId: BlobId, ref: SliverRef, context: PeerContext): Promise<void>
  hasSliver(blobId: BlobId, ref: SliverRef): Promise<boolean>
  /** The same by its bytes: one that is damaged counts as not stored from here on. */
  holdsSliver(metadata: BlobMetadata, ref: SliverRef, context: PeerContext): Promise<boolean>
  /** undefined when it is not stored, or damaged */
  openSliver(blobId: BlobId, ref: SliverRef, context: PeerContext): Promise<OpenSliver | undefined>
  /** Verifies and persists; SLIVER_MISMATCH, BLOB_GONE when the blob ended meanwhile. */
  putSliver(metadata: BlobMetadata, ref: SliverRef, bytes: Uint8Array, context: PeerContext): Promise<void>
  /**
   * Signs once everything of this node's shards is durable; INCOMPLETE until then. NOT_REGISTERED at once for a blob that is
   * not registered at all, a second later for one that is not registered so.
   */
  confirm(blobId: BlobId, persistence: Persistence, context: PeerContext): Promise<Confirmation>
  state(blobId: BlobId, context: PeerContext): Promise<{ state: BlobState | undefined; epoch: Epoch }>
}

/** Walrus's SDK asks again after a second, three times; this and its patience are enough for a slow chain. */
const REGISTRATION_WAIT_MS = 5_000
/** Slivers come before, and wait for the event; what comes later is at most that of another object. */
const CONFIRMATION_WAIT_MS = 1_000

export function createPieces(
  components: PiecesComponents,
  { registrationWaitMs = REGISTRATION_WAIT_MS, confirmationWaitMs = CONFIRMATION_WAIT_MS }: PiecesInit = {},
): Pieces {
  const {
    nodeId,
    nShards,
    codec,
    slivers,
    metadata: metadataStore,
    blobs,
    committees,
    custody,
    uploads,
  } = components

  async function chain(signal: AbortSignal) {
    try {
      return await committees.get({ signal })
    } catch (cause) {
      signal.throwIfAborted()
      throw new ProtocolError('CHAIN_UNAVAILABLE', { cause, retryAfterMs: 1_000 })
    }
  }

  /** Writes something of a blob that is registered, while nothing of it can be dropped. BLOB_GONE when it has ended. */
  async function whileLive(blobId: BlobId, write: () => Promise<void>): Promise<void> {
    const { epoch } = await committees.get()
    const leave = await uploads.enter(blobId)
    try {
      const state = await blobs.get(blobId)
      if (liveRegistrations(state, epoch).length === 0)
        throw new ProtocolError('BLOB_GONE', { args: { blobId } })
      await write()
    } finally {
      leave()
    }
  }

  return {
    nShards,
    async expectRegistered(blobId, { signal }) {
      const { epoch } = await chain(signal)
      const isLive = (state: BlobState | undefined) => liveRegistrations(state, epoch).length > 0
      const state = await blobs.waitFor(blobId, seen => seen?.invalid === true || isLive(seen), {
        timeoutMs: registrationWaitMs,
        signal,
      })
      if (state?.invalid) throw new ProtocolError('BLOB_INVALID', { args: { blobId } })
      if (!isLive(state)) throw new ProtocolError('NOT_REGISTERED', { args: { blobId } })
    },
    expectRoom: components.expectRoom,
    hasMetadata: async blobId => (await metadataStore.get(blobId)) !== undefined,
    metadata: blobId => metadataStore.get(blobId),
    async putMetadata(metadata) {
      if (!isMetadata(metadata))
        throw new ProtocolError('METADATA_MISMATCH', { args: { blobId: metadata.blobId } })
      await whileLive(metadata.blobId, () => metadataStore.put(metadata))
    },
    async expectOurs(blobId, { pair, axis }, { signal }) {
      const { current } = await chain(signal)
      const shards = memberOf(current, nodeId)?.shards ?? []
      if (shards.includes(shardOfPair(pair, blobId, nShards))) return
      throw new ProtocolError('UNWANTED_SLIVER', { args: { pair, axis } })
    },
    hasSliver: (blobId, ref) => slivers.has(blobId, ref),
    holdsSliver: async (metadata, ref, context) =>
      (await missingOf({ codec, slivers }, metadata, [ref], context)).length === 0,
    openSliver: (blobId, ref, { signal }) => slivers.open(blobId, ref, { signal }),
    async putSliver(metadata, ref, bytes, { signal }) {
      const { blobId } = metadata
      const args = { pair: ref.pair, axis: ref.axis }
      if (!(await isSliver(codec, metadata, ref, bytes, signal)))
        throw new ProtocolError('SLIVER_MISMATCH', { args })
      await whileLive(blobId, async () => {
        // metadata comes before slivers: without it, the blob has ended meanwhile
        if ((await metadataStore.get(blobId)) === undefined)
          throw new ProtocolError('BLOB_GONE', { args: { blobId } })
        await slivers.put(blobId, ref, bytes, { signal })
      })
    },
    async confirm(blobId, persistence, context) {
      const { epoch } = await chain(context.signal)
      const state = await blobs.get(blobId)
      if (state?.invalid) throw new ProtocolError('BLOB_INVALID', { args: { blobId } })
      if (liveRegistrations(state, epoch).length === 0)
        throw new ProtocolError('NOT_REGISTERED', { args: { blobId } })
      const metadata = await metadataStore.get(blobId)
      if (metadata === undefined) throw new ProtocolError('INCOMPLETE', { args: { missing: 1 } })
      if (!isMetadata(metadata)) {
        // a record of our own that is damaged: it has to come again
        await metadataStore.delete(blobId)
        throw new ProtocolError('INCOMPLETE', { args: { missing: 1 } })
      }
      const header = { metadata, persistence, registerDigest: '' }
      const session = await custody.open(header, context, { registrationWaitMs: confirmationWaitMs })
      try {
        return await session.confirm()
      } finally {
        session.close()
      }
    },
    async state(blobId, { signal }) {
      const { epoch } = await chain(signal)
      return { state: await blobs.get(blobId), epoch }
    },
  }
}
