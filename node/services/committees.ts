import type { ChainReader, Committee, CommitteeMember, Committees } from '../../chain/types.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import type { CommitteeView } from '../../protocols/ports.ts'

/** Who keeps what, in this epoch and the one before. */
export interface CommitteeTracker {
  /** Throws ChainError when the chain was never reached. */
  get(options?: { signal?: AbortSignal; fresh?: boolean }): Promise<Committees>
  /** The last one read; undefined before the first. */
  latest(): Committees | undefined
  /** The committee of an epoch, when it is the current or the previous one. */
  of(epoch: Epoch, options?: { signal?: AbortSignal }): Promise<Committee | undefined>
}

export function createCommitteeTracker(chain: Pick<ChainReader, 'committees'>): CommitteeTracker {
  let latest: Committees | undefined
  const tracker: CommitteeTracker = {
    async get(options = {}) {
      latest = await chain.committees(options)
      return latest
    },
    latest: () => latest,
    async of(epoch, options) {
      const { current, previous } = await tracker.get(options)
      return [current, previous].find(committee => committee?.epoch === epoch)
    },
  }
  return tracker
}

export function memberOf(committee: Committee, nodeId: ObjectId): CommitteeMember | undefined {
  return committee.members.find(member => member.nodeId === nodeId)
}

/** A committee as the protocols see it. */
export function committeeView({ epoch, nShards, members }: Committee): CommitteeView {
  return { epoch, nShards, members }
}
