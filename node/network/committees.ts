import type { ChainReader, Committee, CommitteeMember, Committees } from '../../chain/types.ts'
import type { ObjectId } from '../../codec/types.ts'

/** Who keeps what, in this epoch and the one before. */
export interface CommitteeTracker {
  /** Throws ChainError when the chain was never reached. */
  get(options?: { signal?: AbortSignal; fresh?: boolean }): Promise<Committees>
  /** The newest one read; undefined before the first. */
  latest(): Committees | undefined
}

export function createCommitteeTracker(chain: Pick<ChainReader, 'committees'>): CommitteeTracker {
  let latest: Committees | undefined
  return {
    async get(options = {}) {
      const read = await chain.committees(options)
      // an answer that was asked for before an epoch change may come after one that was asked for later
      if (latest === undefined || read.epoch >= latest.epoch) latest = read
      return latest
    },
    latest: () => latest,
  }
}

export function memberOf(committee: Committee, nodeId: ObjectId): CommitteeMember | undefined {
  return committee.members.find(member => member.nodeId === nodeId)
}
