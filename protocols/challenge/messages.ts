/**
 * challenge: a node shows another one that it holds what it is asked for in a round. A stream carries one attempt after another.
 *
 *   client: ChallengeRequest          which round, and whose proofs; what was committed to and what is asked are known to both
 *   server: ChallengeAnswer Ready     how many questions there are; Passed at once where it has seen the proofs already; or an error
 *   client: ChallengeProof, as many   in the order of the questions
 *   server: ChallengeAnswer Passed    what the server has signed; or an error at the first proof that does not hold
 */
import { bcs } from '@mysten/bcs'
import type { Confirmation } from '../../codec/types.ts'
import type { ChallengeProof, ChallengeQuery } from '../ports.ts'
import {
  list,
  type Message,
  message,
  plain,
  reply,
  WireBytes,
  WireEpoch,
  WireObjectId,
  WireSignature,
  WireSize,
} from '../wire.ts'

export const ChallengeRequest: Message<ChallengeQuery> = message(
  'ChallengeRequest',
  plain<ChallengeQuery>(
    bcs.struct('ChallengeRequestV1', { epoch: WireEpoch, round: bcs.u8(), nodeId: WireObjectId }),
  ),
)

/** Levels of a tree over 2^53 leaves, with those of a sliver's pieces. */
const MAX_PATH = 64
/** of a sliver's own tree at 65,536 shards */
const MAX_SIBLINGS = 16
const WireHash = plain<Uint8Array>(bcs.bytes(32))

export const ChallengeAttempt: Message<ChallengeProof> = message(
  'ChallengeProof',
  plain<ChallengeProof>(
    bcs.struct('ChallengeProofV1', {
      leaf: WireSize,
      bytes: WireBytes,
      path: list(WireHash, MAX_PATH),
      siblings: list(WireHash, MAX_SIBLINGS),
    }),
  ),
)

export type ChallengeStep = { Ready: number } | { Passed: Confirmation }

export const ChallengeAnswer: Message<ChallengeStep> = reply(
  'ChallengeAnswer',
  plain<ChallengeStep>(
    bcs.enum('ChallengeAnswerV1', {
      Ready: bcs.u16(),
      Passed: bcs.struct('ChallengePassed', { message: WireBytes, signature: WireSignature }),
    }),
  ),
)
