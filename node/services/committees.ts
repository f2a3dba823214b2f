import type { ChainReader, Committee, CommitteeMember, Committees } from '../../chain/types.ts'
import type { ObjectId } from '../../codec/types.ts'
import type { CommitteeView } from '../../protocols/ports.ts'

/** Who keeps what, in this epoch and the one before. */
export interface CommitteeTracker {
  /** Throws ChainError when the chain was never reached. */
  get(options?: { signal?: AbortSignal; fresh?: boolean }): Promise<Committees>
  /** The last one read; undefined before the first. */
  latest(): Committees | undefined
}

export function createCommitteeTracker(chain: Pick<ChainReader, 'committees'>): CommitteeTracker {
  let latest: Committees | undefined
  return {
    async get(options = {}) {
      latest = await chain.committees(options)
      return latest
    },
    latest: () => latest,
  }
}

export function memberOf(committee: Committee, nodeId: ObjectId): CommitteeMember | undefined {
  return committee.members.find(member => member.nodeId === nodeId)
}

/** A committee as the protocols see it. */
export function committeeView({ epoch, nShards, members }: Committee): CommitteeView {
  return { epoch, nShards, members }
}
