import type { BlobId, Epoch, Persistence } from '../../../codec/types.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import type { BlobInfo } from '../events/blob-info.ts'
import { type BlobState, isRegistered, liveRegistrations } from '../store/blob-state.ts'

/** How long a node waits for its own view of the chain to show a registration, by what is brought. */
export const REGISTRATION_WAITS_MS = {
  /**
   * Metadata or slivers: a client's RPC may be ahead of ours, and a node that has just started on a busy machine hears of nothing
   * for seconds. After this, the registration does not exist. Clients wait for 30 s.
   */
  upload: 20_000,
  /** Slivers come before and have waited; what comes later is at most the event of another object. */
  confirmation: 1_000,
  /** The registration is older than its certificate, so an own view that lags catches up within moments. */
  certificate: 3_000,
}

/** A blob that must be registered in this way, or in any when `persistence` is absent. */
export interface Claim {
  blobId: BlobId
  persistence?: Persistence
}

export interface RegistrationWait {
  epoch: Epoch
  timeoutMs: number
  signal?: AbortSignal
}

/** The blob as the chain shows it once it shows the registration, or says that the blob is invalid, or time is up. */
export function waitForRegistration(
  blobs: Pick<BlobInfo, 'waitFor'>,
  claim: Claim,
  { epoch, ...limits }: RegistrationWait,
): Promise<BlobState | undefined> {
  const isKnown = (state: BlobState | undefined) => state?.invalid === true || holds(state, claim, epoch)
  return blobs.waitFor(claim.blobId, isKnown, limits)
}

/** Throws BLOB_INVALID, or what the absence of the registration means here: it never was, or is over. */
export function expectRegistered(
  state: BlobState | undefined,
  claim: Claim,
  epoch: Epoch,
  otherwise: 'NOT_REGISTERED' | 'BLOB_GONE',
): void {
  const details = { blobId: claim.blobId }
  if (state?.invalid === true) throw new ProtocolError('BLOB_INVALID', { details })
  if (!holds(state, claim, epoch)) throw new ProtocolError(otherwise, { details })
}

function holds(state: BlobState | undefined, { persistence }: Claim, epoch: Epoch): boolean {
  return persistence === undefined
    ? liveRegistrations(state, epoch).length > 0
    : isRegistered(state, persistence, epoch)
}
