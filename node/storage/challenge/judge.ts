import { equalBytes } from '../../../base/bytes.ts'
import type { CommitteeMember, Committees } from '../../../chain/types/index.ts'
import {
  type BlobCodec,
  isCodecError,
  isPiece,
  pieceLength,
  pieceShape,
  sliverFromBody,
} from '../../../codec/index.ts'
import type { BlobMetadata, ObjectId, SliverRef } from '../../../codec/types.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import type {
  ChallengeHearing,
  ChallengeJudge,
  ChallengeProof,
  ChallengeQuery,
  PeerContext,
} from '../../../protocols/ports.ts'
import { memberOf } from '../../network/committees.ts'
import type { MemberIndex } from '../../network/member-index.ts'
import type { ConfirmationSigner } from '../custody/signer.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { RoundRecord, RoundRecords } from '../store/round-records.ts'
import type { Asked, AskedQuestion } from './asked.ts'
import { refOf } from './holdings.ts'
import { climb, leafHasher, levelsAbove } from './leaves.ts'

export interface ChallengeJudgeInit {
  nodeId: ObjectId
  nShards: number
  committees: () => Committees | undefined
  members: MemberIndex
  metadata: Pick<MetadataStore, 'get'>
  rounds: Pick<RoundRecords, 'wasOwed'>
  codec: Pick<BlobCodec, 'verifySliver'>
  signer: Pick<ConfirmationSigner, 'passed'>
  /** the newest round; undefined before the first */
  round: () => RoundRecord | undefined
  /** What is asked in that round. Rejects with NO_ROUND before it was drawn. */
  asked: (signal: AbortSignal) => Promise<Asked>
}

/** Attempts of one node in a round: a stream may break, and an excuse may be heard of later here. */
const ATTEMPTS = 4
const HEARINGS = 32
const RETRY_MS = 1_000

export function createChallengeJudge(init: ChallengeJudgeInit): ChallengeJudge {
  const heard = new Set<ObjectId>()
  let attempts = { of: '', counts: new Map<ObjectId, number>() }

  function countAttempt({ epoch, round }: ChallengeQuery, nodeId: ObjectId): void {
    const of = `${epoch} ${round}`
    if (attempts.of !== of) attempts = { of, counts: new Map() }
    const count = attempts.counts.get(nodeId) ?? 0
    if (count >= ATTEMPTS) throw new ProtocolError('TOO_MANY_FAILURES')
    attempts.counts.set(nodeId, count + 1)
  }

  return {
    async open(query, context) {
      const member = expectMembers(init, context)
      const { record, root } = expectRound(init, query, member)
      if (heard.has(member.nodeId) || heard.size >= HEARINGS)
        throw new ProtocolError('BUSY', { retryAfterMs: RETRY_MS })
      heard.add(member.nodeId)
      try {
        const asked = await init.asked(context.signal)
        countAttempt(query, member.nodeId)
        return hearing(init, { record, root, member, asked, context }, () => heard.delete(member.nodeId))
      } catch (error) {
        heard.delete(member.nodeId)
        throw error
      }
    },
  }
}

interface Case {
  record: RoundRecord
  /** what the member has committed to */
  root: Uint8Array
  member: CommitteeMember
  asked: Asked
  context: PeerContext
}

function hearing(init: ChallengeJudgeInit, one: Case, close: () => void): ChallengeHearing {
  const { record, root, member, asked, context } = one
  const { nodeId, shards } = member
  const questions = asked.of(member)
  const leaves = asked.owed * shards.length * 2
  const hash = leafHasher(bytesOf(record.salt), nodeId)
  let held = 0

  async function holds(question: AskedQuestion, proof: ChallengeProof): Promise<boolean> {
    const { blobId, axis, piece, leaf } = question
    if (proof.bytes.length === 0) return (await init.rounds.wasOwed(blobId)) !== undefined
    const metadata = await init.metadata.get(blobId)
    // nobody is refused for what is missing here
    if (metadata === undefined) throw noRound(record)
    const { count } = pieceShape(metadata, axis)
    const length = levelsAbove(count) + levelsAbove(leaves)
    const isShaped = proof.leaf === leaf && proof.path.length === length
    if (!isShaped || proof.bytes.length !== pieceLength(metadata, axis, piece)) return false
    const sliverLeaf = climb(
      hash(question, piece, proof.bytes),
      piece,
      proof.path.slice(0, levelsAbove(count)),
    )
    if (!equalBytes(climb(sliverLeaf, leaf, proof.path.slice(levelsAbove(count))), root)) return false
    const ref = refOf(question, init.nShards)
    if (count > 1) return isPiece(metadata, ref, piece, proof.bytes, proof.siblings)
    return proof.siblings.length === 0 && (await isSliver(init, metadata, ref, proof.bytes, context.signal))
  }

  return {
    questions: questions.length,
    async check(number, proof) {
      const question = questions[number]
      if (question === undefined || number !== held || !(await holds(question, proof)))
        throw new ProtocolError('CHALLENGE_FAILED', { details: { question: number } })
      held++
    },
    sign() {
      if (held < questions.length)
        throw new ProtocolError('CHALLENGE_FAILED', { details: { question: held } })
      expectRound(init, record, member)
      const { epoch, round } = record
      return init.signer.passed({ epoch, round, nodeId, root, seed: bytesOf(record.seed!) })
    },
    close,
  }
}

async function isSliver(
  { codec, nShards }: ChallengeJudgeInit,
  metadata: BlobMetadata,
  ref: SliverRef,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  const { symbolBytes } = pieceShape(metadata, ref.axis)
  try {
    await codec.verifySliver(metadata, ref, sliverFromBody(nShards, ref, symbolBytes, body), { signal })
    return true
  } catch (error) {
    if (isCodecError(error, 'SLIVER_MISMATCH')) return false
    throw error
  }
}

/** Both are in the committee of now: nobody else's word counts, and nobody else is asked. */
function expectMembers(
  { committees, members, nodeId }: ChallengeJudgeInit,
  { peer }: PeerContext,
): CommitteeMember {
  const known = committees()
  if (known === undefined) throw new ProtocolError('CHAIN_UNAVAILABLE', { retryAfterMs: RETRY_MS })
  const found = members.of(known, peer)
  if (found === undefined) throw new ProtocolError('NOT_A_MEMBER')
  const { current: committee, epoch } = known
  const member = memberOf(committee, found.nodeId)
  if (member === undefined || memberOf(committee, nodeId) === undefined)
    throw new ProtocolError('NOT_IN_COMMITTEE', { details: { epoch } })
  return member
}

/** The round is the newest one here, what is asked in it is drawn, and the member has committed to something. */
function expectRound(
  { round, committees }: Pick<ChallengeJudgeInit, 'round' | 'committees'>,
  query: ChallengeQuery,
  { nodeId }: CommitteeMember,
): { record: RoundRecord; root: Uint8Array } {
  const record = round()
  const root = record?.roots[nodeId]
  const isKnown = record?.epoch === query.epoch && record.round === query.round
  if (!isKnown || record.seed === undefined || root === undefined || committees()?.epoch !== query.epoch)
    throw noRound(query)
  return { record, root: bytesOf(root) }
}

export const noRound = ({ epoch, round }: ChallengeQuery): ProtocolError =>
  new ProtocolError('NO_ROUND', { details: { epoch, round }, retryAfterMs: RETRY_MS })

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
