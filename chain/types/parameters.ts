import type { Epoch, ObjectId } from '../../codec/types.ts'
import type { ParameterKey } from '../parameters.ts'

/** Values of all parameters; shares are in basis points. */
export type Parameters = Record<ParameterKey, number>

/** A member's vote of this epoch for a value of a parameter. */
export interface ParameterVote {
  nodeId: ObjectId
  value: number
  shards: number
}

/** What nodes vote on apart from prices and capacity: what challenges and stake are like. */
export interface NetworkParameters {
  epoch: Epoch
  nShards: number
  current: Parameters
  /** from the next epoch on */
  next: Parameters
  /** from the epoch after that on: what stake pays changes with notice */
  later: Parameters
  /** where there are any */
  votes: Partial<Record<ParameterKey, readonly ParameterVote[]>>
}
