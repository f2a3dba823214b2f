import { defined } from '../../../base/defined.ts'
import type { ChainEvent } from '../../../chain/types/index.ts'
import type { BlobId, Epoch, ObjectId, Persistence } from '../../../codec/types.ts'
import type { BlobStatus } from '../../../protocols/ports.ts'

/** Where on chain something happened. */
export interface EventId {
  txDigest: string
  /** index of the event in its transaction */
  eventSeq: number
}

/** One `Blob` object on chain; several may exist for one blob ID. */
export interface BlobRegistration {
  objectId: ObjectId
  deletable: boolean
  certified: boolean
  /** first epoch in which it is no longer stored */
  endEpoch: Epoch
  /** the last event that changed it; absent in records of earlier versions */
  event?: EventId
  /** in which it was certified; absent in records of earlier versions, and in those of a blob table */
  certifiedEpoch?: Epoch
  /** since which epoch some certified object of the blob has held without a gap up to this one; absent where `certifiedEpoch` is */
  since?: Epoch
}

/** What the chain's events so far say about a blob ID. Plain data: it is stored as JSON. */
export interface BlobState {
  registrations: BlobRegistration[]
  /** of the blob, in bytes, as its ID has it; absent where nothing is registered, and in records and tables of earlier versions */
  size?: number
  /** first epoch in which some object of the blob was certified */
  initialCertifiedEpoch?: Epoch
  invalid?: boolean
  invalidEvent?: EventId
  /** since which epoch nothing of a blob is stored any more that was certified */
  ended?: Epoch
  /** its slivers are dropped: that it ended is remembered for a while, and nothing else */
  dropped?: true
}

/** For so many epochs an ended blob is told from one that never was. */
const REMEMBERED_EPOCHS = 2

const EMPTY: BlobState = { registrations: [] }

/** The blob that an event is about, if it is about one. */
export function blobOfEvent(event: ChainEvent): BlobId | undefined {
  return 'blobId' in event ? event.blobId : undefined
}

/** Pure and idempotent: applying an event twice is the same as once. */
export function applyBlobEvent(before: BlobState | undefined, event: ChainEvent): BlobState {
  // what has ended says nothing any more: a record that was pruned and one that was not go on alike
  const state = 'epoch' in event ? liveState(before ?? EMPTY, event.epoch) : (before ?? EMPTY)
  const at = { txDigest: event.digest, eventSeq: event.eventIndex }
  switch (event.type) {
    case 'BlobRegistered': {
      const { objectId, deletable, endEpoch } = event
      // records of earlier versions have no size
      const isKnown = state.registrations.some(known => known.objectId === objectId)
      if (isKnown) return state.size === undefined ? { ...state, size: event.size } : state
      const registered = { objectId, deletable, endEpoch, certified: false, event: at }
      return { ...withRegistration(state, registered), size: event.size }
    }
    case 'BlobCertified': {
      const { objectId, deletable, endEpoch, epoch } = event
      const certified = { objectId, deletable, endEpoch, certified: true, event: at }
      return withFirst(
        withRegistration(state, defined({ ...certified, ...certifiedSince(state, event) })),
        event.isExtension ? undefined : epoch,
      )
    }
    case 'BlobDeleted': {
      const registrations = state.registrations.filter(({ objectId }) => objectId !== event.objectId)
      const isOver = registrations.length === 0 && event.wasCertified && state.ended === undefined
      const left = withFirst({ ...state, registrations })
      return isOver ? { ...left, ended: event.epoch } : left
    }
    case 'InvalidBlobID':
      return { ...state, invalid: true, invalidEvent: at }
    default:
      return state
  }
}

/** What of a state counts as an epoch begins, the same for all who have heard the same; undefined when nothing does. */
export function stateAt(state: BlobState | undefined, epoch: Epoch): BlobState | undefined {
  if (state === undefined) return undefined
  const live = liveState(state, epoch)
  return live.registrations.length > 0 || live.invalid ? live : undefined
}

function liveState(state: BlobState, epoch: Epoch): BlobState {
  const { initialCertifiedEpoch, size, ...rest } = state
  const registrations = liveRegistrations(state, epoch)
  if (registrations.some(({ certified }) => certified)) return withFirst({ ...state, registrations })
  // one that is pruned has lost it
  return defined({ ...rest, registrations, size: registrations.length > 0 ? size : undefined })
}

/**
 * In which epoch an object was certified, and since when one has held without a gap. A chain that is read again from the beginning
 * is at an earlier point than the record: objects that were certified later say nothing yet.
 */
function certifiedSince(
  { registrations, initialCertifiedEpoch }: BlobState,
  { objectId, epoch, isExtension }: Extract<ChainEvent, { type: 'BlobCertified' }>,
): Pick<BlobRegistration, 'certifiedEpoch' | 'since'> {
  if (isExtension) {
    const own = registrations.find(known => known.objectId === objectId)
    return { certifiedEpoch: own?.certifiedEpoch, since: own?.since }
  }
  const before = registrations.filter(
    known => known.certified && known.objectId !== objectId && (known.certifiedEpoch ?? 0) <= epoch,
  )
  const since = before.map(known => known.since ?? initialCertifiedEpoch ?? epoch)
  return { certifiedEpoch: epoch, since: Math.min(epoch, ...since) as Epoch }
}

/** With the first epoch of what is certified; `otherwise` where no record tells it. */
function withFirst(state: BlobState, otherwise?: Epoch): BlobState {
  const known = state.initialCertifiedEpoch ?? otherwise
  const firsts = state.registrations
    .filter(({ certified }) => certified)
    .map(({ since }) => since ?? known)
    .filter(since => since !== undefined)
  return firsts.length === 0 ? state : { ...state, initialCertifiedEpoch: Math.min(...firsts) as Epoch }
}

function withRegistration(
  { ended: _, dropped: __, ...state }: BlobState,
  registration: BlobRegistration,
): BlobState {
  const others = state.registrations.filter(({ objectId }) => objectId !== registration.objectId)
  return { ...state, registrations: [...others, registration] }
}

/** Registrations that still hold in an epoch. */
export function liveRegistrations(state: BlobState | undefined, epoch: Epoch): BlobRegistration[] {
  return state?.registrations.filter(({ endEpoch }) => endEpoch > epoch) ?? []
}

/** Whether somebody pays for the blob in an epoch, and it was not found to be invalid. */
export function isPaidFor(state: BlobState | undefined, epoch: Epoch): boolean {
  return state?.invalid !== true && liveRegistrations(state, epoch).length > 0
}

/**
 * First epoch in which the blob is to be dropped, as far as is known; 0 for now, and when it is invalid. Of one that is dropped,
 * the first in which it is forgotten.
 */
export function endEpochOf({ registrations, invalid, ended, dropped }: BlobState): Epoch {
  if (invalid) return 0 as Epoch
  if (dropped && ended !== undefined) return (ended + REMEMBERED_EPOCHS) as Epoch
  return Math.max(0, ...registrations.map(({ endEpoch }) => endEpoch)) as Epoch
}

/** Since which epoch a blob is not stored any more that was certified; undefined while it is, and when it never was. */
export function endedSince(state: BlobState | undefined, epoch: Epoch): Epoch | undefined {
  if (state === undefined || state.invalid || liveRegistrations(state, epoch).length > 0) return undefined
  const ends = state.registrations.filter(({ certified }) => certified).map(({ endEpoch }) => endEpoch)
  return ends.length > 0 ? (Math.max(...ends) as Epoch) : state.ended
}

/** What is remembered of a blob once its slivers are dropped; undefined for nothing. */
export function afterDrop(state: BlobState | undefined, epoch: Epoch): BlobState | undefined {
  if (state?.invalid) return state
  const ended = endedSince(state, epoch)
  if (ended === undefined || ended + REMEMBERED_EPOCHS <= epoch) return undefined
  return { registrations: [], ended, dropped: true }
}

/**
 * Whether a confirmation with this persistence may be signed: a permanent one while some permanent registration holds,
 * a deletable one only while exactly that object is registered, unexpired and undeleted.
 */
export function isRegistered(state: BlobState | undefined, persistence: Persistence, epoch: Epoch): boolean {
  return registrationsOf(state, persistence, epoch).length > 0
}

/** Whether the chain says already what a certificate with this persistence would say. */
export function isCertified(state: BlobState | undefined, persistence: Persistence, epoch: Epoch): boolean {
  return registrationsOf(state, persistence, epoch).some(({ certified }) => certified)
}

function registrationsOf(
  state: BlobState | undefined,
  persistence: Persistence,
  epoch: Epoch,
): BlobRegistration[] {
  return liveRegistrations(state, epoch).filter(({ deletable, objectId }) =>
    persistence.kind === 'permanent' ? !deletable : deletable && objectId === persistence.objectId,
  )
}

/** What the node tells others about a blob. */
export function statusOf(state: BlobState | undefined, epoch: Epoch): BlobStatus {
  if (state?.invalid) return { kind: 'invalid' }
  const live = liveRegistrations(state, epoch)
  if (live.length === 0) {
    const endEpoch = endedSince(state, epoch)
    return endEpoch === undefined ? { kind: 'nonexistent' } : { kind: 'ended', endEpoch }
  }
  const certified = live.filter(registration => registration.certified)
  // a certified registration says more than a mere one, a permanent one more than a deletable one
  const best = certified.length > 0 ? certified : live
  const permanent = best.filter(({ deletable }) => !deletable)
  const shown = permanent.length > 0 ? permanent : best
  const endEpoch = Math.max(...shown.map(registration => registration.endEpoch)) as Epoch
  const event = permanent.find(registration => registration.endEpoch === endEpoch)?.event
  return defined({
    kind: 'known',
    certified: certified.length > 0,
    initialCertifiedEpoch: certified.length > 0 ? state?.initialCertifiedEpoch : undefined,
    endEpoch,
    deletable: permanent.length === 0,
    event,
  })
}
