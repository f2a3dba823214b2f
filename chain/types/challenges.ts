import type { Certificate, Epoch, ObjectId } from '../../codec/types.ts'
import type { CallOptions, Wallet } from './index.ts'
import type { Parameters } from './parameters.ts'

/** Which round of storage challenges. */
export interface ChallengeRound {
  epoch: Epoch
  /** of the epoch, from 0 on */
  round: number
}

/** What the chain tells of storage challenges. Salt, seed and roots have 32 bytes; times are the chain's, in ms. */
export type ChallengeEvent =
  | (ChallengeRound & {
      type: 'ChallengeOpened'
      salt: Uint8Array
      /** pieces that each node will be asked for */
      draws: number
      commitUntilMs: number
      passUntilMs: number
    })
  | (ChallengeRound & { type: 'ChallengeCommitted'; nodeId: ObjectId; root: Uint8Array })
  | (ChallengeRound & { type: 'ChallengeDrawn'; seed: Uint8Array })
  | (ChallengeRound & { type: 'ChallengePassed'; nodeId: ObjectId })
  | {
      type: 'ChallengeFailed'
      epoch: Epoch
      nodeId: ObjectId
      /** of its commission, apart from what it would have earned */
      burnedFrost: bigint
      /** first epoch in which it can be selected again; absent when it still can */
      benchedUntil?: Epoch
    }

/** How a round of storage challenges stands, by the chain. Times are the chain's, in ms. */
export interface ChallengeStanding extends ChallengeRound {
  isDrawn: boolean
  commitUntilMs: number
  passUntilMs: number
  /** node IDs */
  committed: readonly ObjectId[]
  passed: readonly ObjectId[]
  passedShards: number
}

/** The chain's side of storage challenges. Refusals are MOVE_ABORT with the names that docs/contract.md lists. */
export interface Challenger {
  readonly wallet: Wallet
  /** Those of the present epoch, as the chain was 2 s ago at most. */
  parameters(options?: CallOptions): Promise<Parameters>
  /** Opens the round of now; anyone may, once. */
  open(options?: CallOptions): Promise<{ digest: string }>
  /** Commits the wallet's node to the root of what it holds, 32 bytes; once in a round. */
  commit(round: number, root: Uint8Array, options?: CallOptions): Promise<{ digest: string }>
  /** Draws what is asked in a round; anyone may, once. */
  draw(round: number, options?: CallOptions): Promise<{ digest: string }>
  /** Notes that a node has passed, by a certificate of f + 1 shards over `challengeMessage`; anyone may. */
  pass(certificate: Certificate, options?: CallOptions): Promise<{ digest: string }>
}
