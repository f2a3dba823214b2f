import type { ChainEvent } from '../../../chain/types.ts'
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
}

/** What the chain's events so far say about a blob ID. Plain data: it is stored as JSON. */
export interface BlobState {
  registrations: BlobRegistration[]
  /** first epoch in which some object of the blob was certified */
  initialCertifiedEpoch?: Epoch
  invalid?: boolean
  invalidEvent?: EventId
}

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
      if (state.registrations.some(known => known.objectId === objectId)) return state
      return withRegistration(state, { objectId, deletable, endEpoch, certified: false, event: at })
    }
    case 'BlobCertified': {
      const { objectId, deletable, endEpoch } = event
      const certified = withRegistration(state, {
        objectId,
        deletable,
        endEpoch,
        certified: true,
        event: at,
      })
      const first = Math.min(state.initialCertifiedEpoch ?? event.epoch, event.epoch) as Epoch
      return event.isExtension ? certified : { ...certified, initialCertifiedEpoch: first }
    }
    case 'BlobDeleted':
      return {
        ...state,
        registrations: state.registrations.filter(({ objectId }) => objectId !== event.objectId),
      }
    case 'InvalidBlobID':
      return { ...state, invalid: true, invalidEvent: at }
    default:
      return state
  }
}

function liveState(state: BlobState, epoch: Epoch): BlobState {
  const { initialCertifiedEpoch, ...rest } = state
  const registrations = liveRegistrations(state, epoch)
  return registrations.some(({ certified }) => certified)
    ? { ...state, registrations }
    : { ...rest, registrations }
}

function withRegistration(state: BlobState, registration: BlobRegistration): BlobState {
  const others = state.registrations.filter(({ objectId }) => objectId !== registration.objectId)
  return { ...state, registrations: [...others, registration] }
}

/** Registrations that still hold in an epoch. */
export function liveRegistrations(state: BlobState | undefined, epoch: Epoch): BlobRegistration[] {
  return state?.registrations.filter(({ endEpoch }) => endEpoch > epoch) ?? []
}

/** First epoch in which nothing of the blob is stored, as far as is known; 0 when nothing is now, or it is invalid. */
export function endEpochOf({ registrations, invalid = false }: BlobState): Epoch {
  if (invalid) return 0 as Epoch
  return Math.max(0, ...registrations.map(({ endEpoch }) => endEpoch)) as Epoch
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
  if (live.length === 0) return { kind: 'nonexistent' }
  const certified = live.filter(registration => registration.certified)
  // a certified registration says more than a mere one, a permanent one more than a deletable one
  const best = certified.length > 0 ? certified : live
  const permanent = best.filter(({ deletable }) => !deletable)
  const shown = permanent.length > 0 ? permanent : best
  const endEpoch = Math.max(...shown.map(registration => registration.endEpoch)) as Epoch
  const event = permanent.find(registration => registration.endEpoch === endEpoch)?.event
  return {
    kind: 'known',
    certified: certified.length > 0,
    ...(certified.length > 0 && state?.initialCertifiedEpoch !== undefined
      ? { initialCertifiedEpoch: state.initialCertifiedEpoch }
      : {}),
    endEpoch,
    deletable: permanent.length === 0,
    ...(event !== undefined && { event }),
  }
}
