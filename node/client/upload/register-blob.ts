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
import { encodedSize, quorumWeight } from '../../../codec/index.ts'
import type { BlobId, Epoch, ObjectId } from '../../../codec/types.ts'
import type { PeerClient } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { ClientError } from '../errors.ts'
import { networkStatus, seemsNew } from '../network-status.ts'
import type { StoreOptions, StoreResult } from '../types.ts'
import type { Encoding } from './encoding.ts'
import type { Attempt } from './uncertified-blobs.ts'
import type { UploadLease } from './upload-leases.ts'

export interface RegisterComponents {
  chain: Pick<ChainReader, 'ownedBlobs' | 'blob'>
  writer: ChainWriter
  peers: PeerClient
  book: PeerBook
  clock: Clock
}

/** Nodes hear of a certificate within seconds. */
const SHARED_LOOKS = 10
const SHARED_LOOK_MS = 1000

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

/** A registration to upload for: a new one, or an own one that was cut short. */
export interface OpenRegistration {
  registration: SubmittedRegistration
  /** so many epochs are to be paid for when it is certified */
  extendBy: number
  isResumed: boolean
}

/**
 * Makes the registration ready while two nodes are asked whether the blob is stored already, and hands it in when it is
 * not. Resolves once it was executed, or with the result when there is nothing to send.
 *
 * What the wallet has is used first: a registration whose upload was cut short, but none that another upload may be busy
 * with; a certified blob that ends too early is extended; then storage without a blob.
 */
export async function registerUnlessKnown(
  components: RegisterComponents,
  encoded: Pick<Encoding, 'metadata' | 'rootHash'>,
  network: NetworkSnapshot,
  options: StoreOptions,
  others: OtherUploads,
): Promise<OpenRegistration | { result: StoreResult }> {
  const { onProgress } = options
  onProgress?.({ phase: 'register', done: 0, total: 1 })
  const begun = await resumeOrRegister(components, encoded, network, options, others)
  if ('registration' in begun) onProgress?.({ phase: 'register', done: 1, total: 1 })
  return begun
}

async function resumeOrRegister(
  components: RegisterComponents,
  encoded: Pick<Encoding, 'metadata' | 'rootHash'>,
  network: NetworkSnapshot,
  options: StoreOptions,
  others: OtherUploads,
): Promise<OpenRegistration | { result: StoreResult }> {
  const { blobId } = encoded.metadata
  const { signal, force } = options
  const before =
    (await fateOfEarlier(components, encoded, network, options)) ??
    (await begunByEarlier(components, encoded, network, options, others))
  if (before !== undefined) return before
  if (force || !others.again) {
    const isNew = force ? Promise.resolve(true) : seemsNew(components, network.order, blobId, { signal })
    const begun = await registerIf(isNew, components, encoded, options, others)
    if (begun !== undefined) return begun
  }
  const known = await findExisting(components, encoded, network, options, others)
  if (known !== undefined) return known
  return (await registerIf(Promise.resolve(true), components, encoded, options, others)) as OpenRegistration
}

/** Gets ready while it is being found out whether the blob is new; hands nothing in when it is not. */
async function registerIf(
  isNew: Promise<boolean>,
  { writer }: RegisterComponents,
  { metadata, rootHash }: Pick<Encoding, 'metadata' | 'rootHash'>,
  { epochs, deletable, signal, onSubmitted, reuse = true }: StoreOptions,
  { attempt }: OtherUploads,
): Promise<OpenRegistration | undefined> {
  const unwanted = new AbortController()
  const input = { metadata, rootHash, epochs, deletable, reuseStorage: reuse }
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
  onSubmitted?.()
  attempt.paying(submitting)
  return { registration: await raceSignal(submitting, signal), extendBy: 0, isResumed: false }
}

/** What an earlier try has registered, as far as it came: it is not paid for again. */
async function fateOfEarlier(
  components: RegisterComponents,
  { metadata: { blobId } }: Pick<Encoding, 'metadata'>,
  { committee, system: { epoch } }: NetworkSnapshot,
  { goOnWith, epochs, sendObjectTo, share, signal }: StoreOptions,
): Promise<OpenRegistration | { result: StoreResult } | undefined> {
  if (goOnWith === undefined) return undefined
  const { chain, writer } = components
  const blob = await chain.blob(goOnWith, { signal })
  if (blob === undefined) {
    if (!share) return undefined
    const result = await sharedBefore(components, blobId, committee, signal)
    return result && { result }
  }
  if (blob.blobId !== blobId || blob.storage.endEpoch <= epoch) return undefined
  expectHere(writer, blob)
  const isOurs = blob.owner !== undefined && ownAddresses(writer).includes(blob.owner)
  // without a record of its own, another try of the same content may have taken it, and sent it to somebody else
  const isThere = sendObjectTo === undefined ? isOurs : blob.owner === sendObjectTo
  if (blob.certifiedEpoch !== undefined && !share && isThere)
    return {
      result: {
        kind: 'newlyCreated',
        blobId,
        blob,
        costFrost: 0n,
        encodedLength: encodedSize(committee.nShards, blob.size),
        epochsAhead: epochs,
        operation: { kind: 'reuseRegistration' },
        confirmedShards: 0,
      },
    }
  // for as long as was paid for, whatever epoch it is by now
  return isOurs ? resume(blob, blob.storage.endEpoch) : undefined
}

/** Throws WALLET_BUSY for what a sub-wallet has that another process holds: registered anew it would be paid for twice. */
function expectHere({ subWalletsElsewhere = [] }: ChainWriter, { owner, objectId }: BlobObject): void {
  if (owner === undefined || !subWalletsElsewhere.includes(owner)) return
  const message = `object ${objectId} is with sub-wallet ${owner}, which another program has: once that has ended the upload can be gone on with`
  throw new ClientError('WALLET_BUSY', message, { owner, attempts: 1 })
}

/** A Blob object that is gone is inside of a shared blob, which the event leads to: it was certified, whether nodes know that yet or not. */
async function sharedBefore(
  components: RegisterComponents,
  blobId: BlobId,
  committee: Committee,
  signal: AbortSignal | undefined,
): Promise<StoreResult | undefined> {
  for (let left = SHARED_LOOKS; ; left--) {
    const known = await networkStatus(components, committee, blobId, { signal })
    const { status, deletable, endEpoch, event, answeredShards } = known
    if (status === 'ended' || status === 'invalid') return undefined
    if (status === 'certified' && deletable === false && endEpoch !== undefined)
      return { kind: 'alreadyCertified', blobId, endEpoch, event }
    if (left === 1) {
      const message = `nodes do not know yet what became of blob ${blobId}, which was shared`
      const neededShards = quorumWeight(committee.nShards)
      throw new ClientError('TOO_FEW_SHARDS', message, { blobId, answeredShards, neededShards })
    }
    await components.clock.sleep(SHARED_LOOK_MS, signal)
  }
}

/** A blob that is stored for long enough already or can be made so, or an own registration whose upload was cut short. */
async function findExisting(
  components: RegisterComponents,
  { metadata }: Pick<Encoding, 'metadata'>,
  { committee, system: { epoch } }: NetworkSnapshot,
  options: StoreOptions,
  { lease, again, attempt }: OtherUploads,
): Promise<OpenRegistration | { result: StoreResult } | undefined> {
  const { writer } = components
  const { blobId } = metadata
  const { epochs, deletable, signal, sendObjectTo, share = false, reuse = true } = options
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
  // whoever is to be sent an object, or wants a shared one, is not helped by what is stored already
  const wantsOwnObject = share || sendObjectTo !== undefined
  if (!wantsOwnObject && status?.status === 'certified' && status.deletable === false) {
    const { endEpoch, event } = status
    if (endEpoch !== undefined && endEpoch >= neededEnd)
      return { result: { kind: 'alreadyCertified', blobId, endEpoch, event } }
  }
  // a deletable blob counts only when it is ours: anyone else might delete it
  const owned = await ownBlobs(components, blobId, { deletable, epoch, signal })
  const certified = wantsOwnObject ? undefined : owned.find(blob => blob.certifiedEpoch !== undefined)
  if (certified !== undefined && certified.storage.endEpoch >= neededEnd) {
    const { objectId, storage } = certified
    return { result: { kind: 'alreadyCertified', blobId, endEpoch: storage.endEpoch, objectId } }
  }
  if (!reuse) return undefined
  const begun = await cutShort(owned, options)
  const mayResume = begun !== undefined && (await lease.mayResume())
  const isFree = mayResume && begun.storage.endEpoch >= neededEnd
  if (certified !== undefined && !isFree) {
    const lacking = neededEnd - certified.storage.endEpoch
    return { result: await extendOwn(writer, certified, lacking, options, { attempt, committee }) }
  }
  return mayResume ? resume(begun, neededEnd) : undefined
}

/** Those of its kind that have not ended, the one that ends last first. */
async function ownBlobs(
  { chain, writer }: RegisterComponents,
  blobId: BlobId,
  { deletable, epoch, signal }: Pick<StoreOptions, 'deletable' | 'signal'> & { epoch: Epoch },
): Promise<BlobObject[]> {
  const lists = await Promise.all(ownAddresses(writer).map(address => chain.ownedBlobs(address, { signal })))
  return lists
    .flat()
    .filter(blob => blob.blobId === blobId && blob.deletable === deletable && blob.storage.endEpoch > epoch)
    .sort((a, b) => b.storage.endEpoch - a.storage.endEpoch)
}

/** What an earlier try may have registered, and could not tell any more. */
async function begunByEarlier(
  components: RegisterComponents,
  { metadata: { blobId } }: Pick<Encoding, 'metadata'>,
  { system: { epoch } }: NetworkSnapshot,
  options: StoreOptions,
  { lease }: OtherUploads,
): Promise<OpenRegistration | undefined> {
  const { mayHaveBegun = false, deletable, epochs, signal } = options
  if (!mayHaveBegun) return undefined
  const owned = await ownBlobs(components, blobId, { deletable, epoch, signal })
  const begun = await cutShort(owned, options)
  return begun !== undefined && (await lease.mayResume()) ? resume(begun, epoch + epochs) : undefined
}

/** The first that is not certified, and that no other call will go on with. */
async function cutShort(
  owned: readonly BlobObject[],
  { mayTake }: Pick<StoreOptions, 'mayTake'>,
): Promise<BlobObject | undefined> {
  for (const blob of owned) {
    if (blob.certifiedEpoch !== undefined) continue
    if (mayTake === undefined || (await mayTake(blob.objectId))) return blob
  }
  return undefined
}

/** Whose objects it may go on with. */
function ownAddresses({ wallet, subWallets = [] }: ChainWriter): ObjectId[] {
  return [wallet.address, ...subWallets]
}

function resume(blob: BlobObject, neededEnd: number): OpenRegistration {
  const visible = Promise.resolve({ blob, digest: '', costFrost: 0n })
  const extendBy = Math.max(0, neededEnd - blob.storage.endEpoch)
  return { registration: { objectId: blob.objectId, digest: '', visible }, extendBy, isResumed: true }
}

/** The nodes have it: nothing is sent. */
async function extendOwn(
  writer: ChainWriter,
  { objectId, blobId, size, storage: { endEpoch } }: BlobObject,
  epochsExtended: number,
  { epochs, signal, onSubmitted }: StoreOptions,
  { attempt, committee: { nShards } }: Pick<OtherUploads, 'attempt'> & Pick<NetworkSnapshot, 'committee'>,
): Promise<StoreResult> {
  signal?.throwIfAborted()
  // it goes on whatever becomes of the signal, and is waited for: the next one is to see it
  const extending = writer.extend(objectId, epochsExtended, { untilEpoch: endEpoch + epochsExtended })
  onSubmitted?.()
  attempt.paying(extending.then(() => ({ visible: Promise.resolve() })))
  const { blob, costFrost } = await raceSignal(extending, signal)
  return {
    kind: 'newlyCreated',
    blobId,
    blob,
    costFrost,
    encodedLength: encodedSize(nShards, size),
    epochsAhead: epochs,
    operation: { kind: 'reuseAndExtend', epochsExtended },
    confirmedShards: 0,
  }
}
