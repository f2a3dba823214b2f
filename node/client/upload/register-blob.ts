import type {
  BlobObject,
  ChainReader,
  ChainWriter,
  Committee,
  CommitteeMember,
  Registration,
  SystemInfo,
} from '../../../chain/types.ts'
import type { BlobId, ObjectId } from '../../../codec/types.ts'
import type { PeerClient } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { ClientError } from '../errors.ts'
import { networkStatus, seemsNew } from '../network-status.ts'
import type { StoreOptions, StoreResult } from '../types.ts'
import type { Encoding } from './encoding.ts'
import type { Attempt } from './unfinished.ts'
import type { UploadLease } from './upload-leases.ts'

export interface RegisterComponents {
  chain: Pick<ChainReader, 'ownedBlobs'>
  writer: ChainWriter
  peers: PeerClient
  book: PeerBook
}

/** The network as an upload found it. */
export interface Seats {
  system: SystemInfo
  current: Committee
  order: readonly CommitteeMember[]
}

/** What is known of other uploads of the same content. */
export interface Others {
  lease: Pick<UploadLease, 'mayResume'>
  /** one has ended just now: what it stored may not be seen by all nodes yet */
  again: boolean
  attempt: Pick<Attempt, 'registering' | 'registered'>
}

/** A registration that was executed; what is left of it goes on while slivers are sent. */
export interface Begun {
  objectId: ObjectId
  digest: string
  registration: Promise<Registration>
}

/**
 * Makes the registration ready while two nodes are asked whether the blob is stored already, and hands it in when it is
 * not.
 *
 * A registration of our wallet whose upload was cut short is taken up again, so that it is not paid for twice; but none
 * that another upload may be busy with.
 */
export async function registerUnlessKnown(
  components: RegisterComponents,
  encoded: Pick<Encoding, 'metadata' | 'rootHash'>,
  { order, current, system }: Seats,
  options: StoreOptions,
  others: Others,
): Promise<Begun | { result: StoreResult }> {
  const { blobId } = encoded.metadata
  const { signal, force, onProgress } = options
  onProgress?.({ phase: 'register', done: 0, total: 1 })
  if (force || !others.again) {
    const isNew = force ? Promise.resolve(true) : seemsNew(components, order, blobId, { signal })
    const first = register(components, encoded, options, others, isNew)
    if (await isNew) return done(await first)
  }
  const known = await findExisting(components, blobId, current, system, options, others)
  if (known?.result !== undefined) return { result: known.result }
  const blob = known?.resume
  if (blob === undefined) return done(await register(components, encoded, options, others))
  const registration = Promise.resolve({ blob, digest: '', costFrost: 0n })
  return done({ objectId: blob.objectId, digest: '', registration })

  function done(begun: Begun): Begun {
    onProgress?.({ phase: 'register', done: 1, total: 1 })
    return begun
  }
}

/** Resolves once the registration was executed. Nothing is handed in before `isNew`, and nothing when that is false. */
function register(
  { writer }: RegisterComponents,
  { metadata, rootHash }: Pick<Encoding, 'metadata' | 'rootHash'>,
  { epochs, deletable, signal }: StoreOptions,
  { attempt }: Others,
  isNew?: Promise<boolean>,
): Promise<Begun> {
  const permission = isNew?.then(yes => {
    if (!yes) throw new DOMException('the blob may be stored already', 'AbortError')
  })
  const executed = Promise.withResolvers<Omit<Begun, 'registration'>>()
  const onExecuted = (begun: Omit<Begun, 'registration'>): void => {
    attempt.registered()
    executed.resolve(begun)
  }
  const input = { metadata, rootHash, epochs, deletable }
  const registration = writer.register(input, {
    ...(signal && { signal }),
    permission,
    onExecuted,
    onBegun: attempt.registering,
  })
  registration.then(({ blob, digest }) => onExecuted({ objectId: blob.objectId, digest }), executed.reject)
  const begun = executed.promise.then(({ objectId, digest }) => ({ objectId, digest, registration }))
  // whoever still needs them meets the errors
  for (const promise of [permission, begun]) promise?.catch(() => undefined)
  return begun
}

/** A blob that is stored for long enough already, or an own registration whose upload was cut short. */
async function findExisting(
  { chain, writer, peers, book }: RegisterComponents,
  blobId: BlobId,
  committee: Committee,
  { epoch }: SystemInfo,
  { epochs, deletable, signal, sendObjectTo }: StoreOptions,
  { lease, again }: Others,
): Promise<{ result?: StoreResult; resume?: BlobObject } | undefined> {
  const status = await networkStatus({ peers, book }, committee, blobId, { signal }).catch(error => {
    // without an answer the blob is stored as if it were new: that costs a little, and is right
    if (error instanceof ClientError) return undefined
    throw error
  })
  if ((status === undefined || status.status === 'nonexistent') && !again) return undefined
  if (status?.status === 'invalid') {
    throw new ClientError('BLOB_INVALID', `the network has found blob ${blobId} to be invalid`, { blobId })
  }
  const neededEnd = epoch + epochs
  const { endEpoch, event } = status ?? {}
  if (
    sendObjectTo === undefined &&
    status?.status === 'certified' &&
    status.deletable === false &&
    endEpoch !== undefined &&
    endEpoch >= neededEnd
  ) {
    return { result: { kind: 'alreadyCertified', blobId, endEpoch, ...(event && { event }) } }
  }
  // a deletable blob counts only when it is ours: anyone else might delete it
  const owned = (await chain.ownedBlobs(writer.wallet.address, { signal })).filter(
    blob => blob.blobId === blobId && blob.deletable === deletable && blob.storage.endEpoch >= neededEnd,
  )
  const certified = owned.find(blob => blob.certifiedEpoch !== undefined)
  // who is to be sent an object is not helped by ours
  if (certified !== undefined && sendObjectTo === undefined) {
    const { objectId, storage } = certified
    return { result: { kind: 'alreadyCertified', blobId, endEpoch: storage.endEpoch, objectId } }
  }
  const begun = owned.find(blob => blob.certifiedEpoch === undefined)
  return begun !== undefined && (await lease.mayResume()) ? { resume: begun } : undefined
}
