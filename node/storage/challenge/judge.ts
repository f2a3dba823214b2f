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
import type { BlobMetadata, Confirmation, ObjectId, SliverRef } from '../../../codec/types.ts'
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
import { LEAF_AXES, refOf } from './holdings.ts'
import { climb, leafHasher, levelsAbove } from './leaves.ts'
import type { RoundBook } from './round-book.ts'

export interface ChallengeJudgeInit {
  nodeId: ObjectId
  nShards: number
  committees: () => Committees | undefined
  members: MemberIndex
  metadata: Pick<MetadataStore, 'get'>
  rounds: Pick<RoundRecords, 'wasOwed'>
  codec: Pick<BlobCodec, 'verifySliver'>
  signer: Pick<ConfirmationSigner, 'passed'>
  /** the round of the epoch, and what nodes have done in it */
  book: Pick<RoundBook, 'record' | 'nodes'>
  /** What is asked in that round. Rejects with NO_ROUND before it was drawn. */
  asked: (signal: AbortSignal) => Promise<Asked>
}

/** Attempts of one node in a round: a stream may break, and an excuse may be heard of later here. */
const ATTEMPTS = 4
const HEARINGS = 64
const RETRY_MS = 1_000

export function createChallengeJudge(init: ChallengeJudgeInit): ChallengeJudge {
  const heard = new Set<ObjectId>()
  /** of one round */
  let seen = { of: '', attempts: new Map<ObjectId, number>(), passed: new Set<ObjectId>() }

  function countAttempt(nodeId: ObjectId): void {
    const count = seen.attempts.get(nodeId) ?? 0
    if (count >= ATTEMPTS) throw new ProtocolError('TOO_MANY_FAILURES')
    seen.attempts.set(nodeId, count + 1)
  }

  return {
    async open(query, context) {
      const member = expectMembers(init, query, context)
      const { record, root } = expectRound(init, query, member)
      if (seen.of !== record.salt) seen = { of: record.salt, attempts: new Map(), passed: new Set() }
      const { nodeId } = member
      if (seen.passed.has(nodeId)) return { kind: 'known', signed: signed(init, record, root, nodeId) }
      if (heard.has(nodeId) || heard.size >= HEARINGS)
        throw new ProtocolError('BUSY', { retryAfterMs: RETRY_MS })
      heard.add(nodeId)
      try {
        const asked = await init.asked(context.signal)
        countAttempt(nodeId)
        const { passed } = seen
        return hearing(init, { record, root, member, asked, context }, hasPassed => {
          heard.delete(nodeId)
          if (hasPassed) passed.add(nodeId)
        })
      } catch (error) {
        heard.delete(nodeId)
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

function hearing(init: ChallengeJudgeInit, one: Case, close: (hasPassed: boolean) => void): ChallengeHearing {
  const { record, root, member, asked, context } = one
  const { nodeId, shards } = member
  const questions = asked.of(member)
  const leaves = asked.owed * shards.length * LEAF_AXES.length
  const hash = leafHasher(bytesOf(record.salt), nodeId)
  let [held, hasPassed] = [0, false]

  async function holds(question: AskedQuestion, proof: ChallengeProof): Promise<boolean> {
    const { blobId, axis, piece, leaf } = question
    if ((await init.rounds.wasOwed(blobId)) !== undefined) return true
    // of what the prover may have heard, and this node has not
    if (proof.bytes.length === 0) throw noRound(record)
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
    kind: 'open',
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
      expectRound(init, { ...record, nodeId }, member)
      hasPassed = true
      return signed(init, record, root, nodeId)
    },
    close: () => close(hasPassed),
  }
}

function signed(
  { signer }: Pick<ChallengeJudgeInit, 'signer'>,
  { epoch, round, seed }: RoundRecord,
  root: Uint8Array,
  nodeId: ObjectId,
): Confirmation {
  return signer.passed({ epoch, round, nodeId, root, seed: bytesOf(seed!) })
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

/** Both are in the committee of now: nobody else's word counts, and nobody else is asked. And the peer has the key of the one it names. */
function expectMembers(
  { committees, members, nodeId }: ChallengeJudgeInit,
  query: ChallengeQuery,
  { peer }: PeerContext,
): CommitteeMember {
  const known = committees()
  if (known === undefined) throw new ProtocolError('CHAIN_UNAVAILABLE', { retryAfterMs: RETRY_MS })
  const found = members.of(known, peer)
  if (found === undefined) throw new ProtocolError('NOT_A_MEMBER')
  const { current: committee, epoch } = known
  const member = memberOf(committee, query.nodeId)
  if (member === undefined || memberOf(committee, nodeId) === undefined)
    throw new ProtocolError('NOT_IN_COMMITTEE', { details: { epoch } })
  // the chain does not keep two nodes from having one key
  const isSame = found.nodeId === query.nodeId || equalBytes(found.networkPublicKey, member.networkPublicKey)
  if (!isSame) throw new ProtocolError('NOT_AUTHORIZED')
  return member
}

/** The round is the newest one here, what is asked in it is drawn, and the member has committed to something. */
function expectRound(
  { book, committees }: Pick<ChallengeJudgeInit, 'book' | 'committees'>,
  query: ChallengeQuery,
  { nodeId }: CommitteeMember,
): { record: RoundRecord; root: Uint8Array } {
  const { record } = book
  const node = book.nodes.get(nodeId)
  const isKnown = record?.epoch === query.epoch && record.round === query.round
  if (!isKnown || record.seed === undefined || node === undefined || committees()?.epoch !== query.epoch)
    throw noRound(query)
  return { record, root: bytesOf(node.root) }
}

export const noRound = ({ epoch, round }: Omit<ChallengeQuery, 'nodeId'>): ProtocolError =>
  new ProtocolError('NO_ROUND', { details: { epoch, round }, retryAfterMs: RETRY_MS })

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
