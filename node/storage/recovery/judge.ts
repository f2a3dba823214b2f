import { raceSignal } from 'race-signal'
import { KeyedLock } from '../../../base/keyed-lock.ts'
import type { LruMap } from '../../../base/lru-map.ts'
import type { CommitteeMember, Committees } from '../../../chain/types/index.ts'
import {
  type Codec,
  decodeInconsistencyProof,
  isCodecError,
  longestInconsistencyProof,
  maxBlobSize,
} from '../../../codec/index.ts'
import type { BlobId, Confirmation, ObjectId } from '../../../codec/types.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import type {
  InconsistencyClaim,
  InconsistencyHearing,
  InconsistencyJudge,
  PeerContext,
} from '../../../protocols/ports.ts'
import { memberOf } from '../../network/committees.ts'
import type { MemberIndex } from '../../network/member-index.ts'
import type { Budget } from '../budget.ts'
import type { ConfirmationSigner } from '../custody/signer.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { liveRegistrations } from '../store/blob-state.ts'

export interface Judge extends InconsistencyJudge {
  /**
   * The same for anybody, by address: Walrus's clients have no other name. Few are heard at a time; who brings what shows nothing
   * is for the caller to count.
   */
  hear(claim: InconsistencyClaim, context: PeerContext): Promise<InconsistencyHearing>
}

export interface JudgeComponents {
  nodeId: ObjectId
  nShards: number
  /** as far as this node has seen the chain */
  committees: () => Committees | undefined
  members: MemberIndex
  blobs: Pick<BlobRecords, 'get'>
  codec: Pick<Codec, 'verifyInconsistencyProof' | 'isMetadata'>
  signer: Pick<ConfirmationSigner, 'attestInvalid'>
  /** blobs that this node has seen to have been encoded wrongly */
  wrong: LruMap<BlobId, true>
  /** of all that is done beside reads and writes */
  budget: Pick<Budget, 'within'>
  /** Who gave proofs that prove nothing, by PeerId: none of them is listened to again. */
  liars: LruMap<string, true>
  accuse: (member: CommitteeMember, what: string, details: object) => void
}

/** Claims that are heard at a time, one of each who brings them: what comes is held by the quotas, too. */
const HEARINGS = { members: 32, others: 2 }
const BUSY_RETRY_MS = 1_000

/**
 * Looks at proofs of other members that a blob was encoded wrongly. What is cheap comes first, and what cannot be invalidated is
 * refused before its proof comes. Of one blob one proof is checked at a time, and of all as many as the budget has room for; a blob
 * that one has shown to be wrong is signed for without another, and a member that gave one that shows nothing is not listened to any more.
 */
export function createJudge(components: JudgeComponents): Judge {
  const { nShards, codec, wrong, liars, budget } = components
  const hearings = { members: new Set<string>(), others: new Set<string>() }
  const turns = new KeyedLock()

  async function judge(
    claim: InconsistencyClaim,
    proof: Uint8Array,
    context: PeerContext,
  ): Promise<Confirmation> {
    const { blobId } = claim.metadata
    const { peer, signal } = context
    const judged = turns.run(blobId, async () => {
      signal.throwIfAborted()
      // others may have been heard meanwhile
      await expectLive(components, blobId)
      if (!wrong.has(blobId)) {
        expectHeard(peer, blobId)
        await budget.within('fresh', proof.length, signal, grant => {
          const timed = { ...components, codec: grant.timing(codec) }
          return expectProven(timed, claim, proof, context)
        })
        wrong.set(blobId, true)
      }
      return attest(components, blobId)
    })
    return await raceSignal(judged, signal)
  }

  function expectHeard(peer: string, blobId: BlobId): void {
    if (liars.has(peer)) throw new ProtocolError('PROOF_INVALID', { details: { blobId } })
  }

  async function open(
    claim: InconsistencyClaim,
    context: PeerContext,
    who: keyof typeof HEARINGS,
  ): Promise<InconsistencyHearing> {
    const { metadata, axis, proofBytes } = claim
    const { blobId, unencodedLength } = metadata
    await expectLive(components, blobId)
    if (wrong.has(blobId)) return { kind: 'known', attestation: attest(components, blobId) }
    expectHeard(context.peer, blobId)
    if (metadata.nShards !== nShards || !(await codec.isMetadata(metadata)))
      throw new ProtocolError('METADATA_MISMATCH', { details: { blobId } })
    // of a blob that is larger than can be there is no proof either
    const isBlob = unencodedLength <= maxBlobSize(nShards)
    const limitBytes = isBlob ? longestInconsistencyProof(nShards, unencodedLength, axis) : 0
    if (proofBytes > limitBytes)
      throw new ProtocolError('TOO_LARGE', { details: { limitBytes, actualBytes: proofBytes } })
    const heard = hearings[who]
    if (heard.has(context.peer) || heard.size >= HEARINGS[who])
      throw new ProtocolError('BUSY', { retryAfterMs: BUSY_RETRY_MS })
    heard.add(context.peer)
    return {
      kind: 'open',
      judge: proof => judge(claim, proof, context),
      close: () => void heard.delete(context.peer),
    }
  }

  return {
    async open(claim, context) {
      expectSeat(components)
      expectMember(components, context.peer)
      return await open(claim, context, 'members')
    },
    async hear(claim, context) {
      expectSeat(components)
      return await open(claim, context, 'others')
    },
  }
}

/** This node is among those whose word counts. */
function expectSeat({ committees, nodeId }: JudgeComponents): void {
  const known = committees()
  if (known === undefined) throw new ProtocolError('CHAIN_UNAVAILABLE', { retryAfterMs: BUSY_RETRY_MS })
  const { epoch } = known
  if (memberOf(known.current, nodeId) === undefined)
    throw new ProtocolError('NOT_IN_COMMITTEE', { details: { epoch } })
}

function expectMember({ committees, members }: JudgeComponents, peer: string): void {
  if (members.of(committees(), peer) === undefined) throw new ProtocolError('NOT_A_MEMBER')
}

/** Only what is paid for and not invalid yet is worth a look. */
async function expectLive({ blobs, committees }: JudgeComponents, blobId: BlobId): Promise<void> {
  const details = { blobId }
  const state = await blobs.get(blobId)
  if (state === undefined) throw new ProtocolError('NOT_REGISTERED', { details })
  if (state.invalid === true) throw new ProtocolError('BLOB_INVALID', { details })
  if (liveRegistrations(state, committees()!.epoch).length === 0)
    throw new ProtocolError('BLOB_GONE', { details })
}

async function expectProven(
  { codec, nShards, liars, committees, members, accuse }: JudgeComponents,
  { metadata, axis }: InconsistencyClaim,
  bytes: Uint8Array,
  { peer, signal }: PeerContext,
): Promise<void> {
  try {
    const proof = decodeInconsistencyProof(bytes, axis, nShards)
    await codec.verifyInconsistencyProof({ metadata, proof, signal })
  } catch (cause) {
    if (!isCodecError(cause, 'PROOF_INVALID') && !isCodecError(cause, 'MALFORMED')) throw cause
    const { blobId } = metadata
    const liar = members.of(committees(), peer)
    if (liar !== undefined) {
      liars.set(peer, true)
      accuse(liar, 'proof', { blobId, err: cause })
    }
    throw new ProtocolError('PROOF_INVALID', { details: { blobId }, cause })
  }
}

/** In the present epoch, as the chain takes it. */
function attest({ committees, signer, nodeId }: JudgeComponents, blobId: BlobId): Confirmation {
  const { current } = committees()!
  const { epoch } = current
  if (memberOf(current, nodeId) === undefined)
    throw new ProtocolError('NOT_IN_COMMITTEE', { details: { epoch } })
  return signer.attestInvalid({ epoch, blobId })
}
