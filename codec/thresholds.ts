/** Weight is counted in shards, never in nodes. */

/** Enough that two quorums share an honest shard: 3w >= 2n + 1. */
export function isQuorum(weight: number, nShards: number): boolean {
  return 3 * weight >= 2 * nShards + 1
}

/** The least weight that is a quorum. */
export function quorumWeight(nShards: number): number {
  return Math.ceil((2 * nShards + 1) / 3)
}

/** Enough that one honest shard is among them: 3w >= n + 1. */
export function isValidity(weight: number, nShards: number): boolean {
  return 3 * weight >= nShards + 1
}
