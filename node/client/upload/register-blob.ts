import { raceSignal } from 'race-signal'
import type { Clock } from '../../../base/clock.ts'
import { anySignal } from '../../../base/wait.ts'
import type {
  BlobObject,
  ChainReader,
  ChainWriter,
  Committee,
  CommitteeMember,
  SubmittedRegistration,
  SystemInfo,
} from '../../../chain/types/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { PeerClient } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { ClientError } from '../errors.ts'
import { networkStatus, seemsNew } from '../network-status.ts'
import type { StoreOptions, StoreResult } from '../types.ts'
import type { Encoding } from './encoding.ts'
import type { Attempt } from './uncertified-blobs.ts'
import type { UploadLease } from './upload-leases.ts'

export interface RegisterComponents {
  chain: Pick<ChainReader, 'ownedBlobs'>
  writer: ChainWriter
  peers: PeerClient
  book: PeerBook
  clock: Clock
}

/** The network as an upload found it. */
export interface NetworkSnapshot {
  system: SystemInfo
  committee: Committee
  /** the members that keep shards, in the order in which to serve them */
  order: readonly CommitteeMember[]
}

/** What is known of other uploads of the same content, and what they are to know of this one. */
export interface OtherUploads {
  lease: Pick<UploadLease, 'mayResume'>
  /** one has ended just now: what it stored may not be seen by all nodes yet */
  again: boolean
  attempt: Pick<Attempt, 'paying'>
}

/**
 * Makes the registration ready while two nodes are asked whether the blob is stored already, and hands it in when it is
 * not. Resolves once it was executed, or with the result when there is nothing to do.
 *
 * A registration of our wallet whose upload was cut short is taken up again, so that it is not paid for twice; but none
 * that another upload may be busy with.
 */
export async function registerUnlessKnown(
  components: RegisterComponents,
  encoded: Pick<Encoding, 'metadata' | 'rootHash'>,
  network: NetworkSnapshot,
  options: StoreOptions,
  others: OtherUploads,
): Promise<SubmittedRegistration | { result: StoreResult }> {
  const { onProgress } = options
  onProgress?.({ phase: 'register', done: 0, total: 1 })
  const registration = await resumeOrRegister(components, encoded, network, options, others)
  if ('objectId' in registration) onProgress?.({ phase: 'register', done: 1, total: 1 })
  return registration
}

async function resumeOrRegister(
  components: RegisterComponents,
  encoded: Pick<Encoding, 'metadata' | 'rootHash'>,
  { order, committee, system }: NetworkSnapshot,
  options: StoreOptions,
  others: OtherUploads,
): Promise<SubmittedRegistration | { result: StoreResult }> {
  const { blobId } = encoded.metadata
  const { signal, force } = options
  if (force || !others.again) {
    const isNew = force ? Promise.resolve(true) : seemsNew(components, order, blobId, { signal })
    const registration = await registerIf(isNew, components, encoded, options, others)
    if (registration !== undefined) return registration
  }
  const known = await findExisting(components, blobId, committee, system, options, others)
  if (known?.result !== undefined) return { result: known.result }
  const blob = known?.resume
  if (blob !== undefined) {
    const visible = Promise.resolve({ blob, digest: '', costFrost: 0n })
    return { objectId: blob.objectId, digest: '', visible }
  }
  return (await registerIf(
    Promise.resolve(true),
    components,
    encoded,
    options,
    others,
  )) as SubmittedRegistration
}

/** Gets ready while it is being found out whether the blob is new; hands nothing in when it is not. */
async function registerIf(
  isNew: Promise<boolean>,
  { writer }: RegisterComponents,
  { metadata, rootHash }: Pick<Encoding, 'metadata' | 'rootHash'>,
  { epochs, deletable, signal }: StoreOptions,
  { attempt }: OtherUploads,
): Promise<SubmittedRegistration | undefined> {
  const unwanted = new AbortController()
  const input = { metadata, rootHash, epochs, deletable }
  const preparing = writer.prepareRegistration(input, { signal: anySignal(signal, unwanted.signal) })
  // it may fail before it is known whether it is wanted
  preparing.catch(() => undefined)
  let wanted = false
  try {
    wanted = await isNew
  } finally {
    if (!wanted) {
      unwanted.abort(new DOMException('the blob may be stored already', 'AbortError'))
      preparing.then(
        prepared => prepared[Symbol.dispose](),
        () => undefined,
      )
    }
  }
  if (!wanted) return undefined
  using prepared = await preparing
  signal?.throwIfAborted()
  const submitting = prepared.submit()
  attempt.paying(submitting)
  return await raceSignal(submitting, signal)
}

/** A blob that is stored for long enough already, or an own registration whose upload was cut short. */
async function findExisting(
  components: RegisterComponents,
  blobId: BlobId,
  committee: Committee,
  { epoch }: SystemInfo,
  { epochs, deletable, signal, sendObjectTo }: StoreOptions,
  { lease, again }: OtherUploads,
): Promise<{ result?: StoreResult; resume?: BlobObject } | undefined> {
  const { chain, writer } = components
  const status = await networkStatus(components, committee, blobId, { signal }).catch(error => {
    // without an answer the blob is stored as if it were new: that costs a little, and is right
    if (error instanceof ClientError) return undefined
    throw error
  })
  const isNew = status === undefined || status.status === 'nonexistent' || status.status === 'ended'
  if (isNew && !again) return undefined
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
    return {
      result: { kind: 'alreadyCertified', blobId, endEpoch, event },
    }
  }
  // a deletable blob counts only when it is ours: anyone else might delete it
  const owned = (await chain.ownedBlobs(writer.wallet.address, { signal })).filter(
    blob => blob.blobId === blobId && blob.deletable === deletable && blob.storage.endEpoch >= neededEnd,
  )
  const certified = owned.find(blob => blob.certifiedEpoch !== undefined)
  // a recipient that is to be sent an object is not helped by ours
  if (certified !== undefined && sendObjectTo === undefined) {
    const { objectId, storage } = certified
    return { result: { kind: 'alreadyCertified', blobId, endEpoch: storage.endEpoch, objectId } }
  }
  const begun = owned.find(blob => blob.certifiedEpoch === undefined)
  return begun !== undefined && (await lease.mayResume()) ? { resume: begun } : undefined
}
