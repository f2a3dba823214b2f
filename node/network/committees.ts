import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { ChainReader, Committee, CommitteeMember, Committees } from '../../chain/types/index.ts'
import type { ObjectId } from '../../codec/types.ts'

/** The committees of this epoch and the one before. */
export interface CommitteeTracker {
  /** Throws ChainError when the chain was never reached. */
  get(options?: { signal?: AbortSignal; fresh?: boolean }): Promise<Committees>
  /** The newest one read; undefined before the first. */
  latest(): Committees | undefined
  /** Calls back when there are others, or their members were read again, until what this gives is called. */
  onChange(listener: () => void): () => void
}

export function createCommitteeTracker(chain: Pick<ChainReader, 'committees'>): CommitteeTracker {
  let latest: Committees | undefined
  const listeners = new Set<() => void>()
  return {
    async get(options = {}) {
      const read = await chain.committees(options)
      // an answer that was asked for before a change may come after one that was asked for later, or from an RPC that is behind
      if (latest !== undefined && !isAtLeast(read, latest)) return latest
      const before = latest
      latest = read
      if (before?.current !== read.current || before?.next !== read.next)
        for (const listener of listeners) listener()
      return read
    },
    latest: () => latest,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** Members' keys and addresses are read again at most so often, however many cannot be reached, */
const READ_AGAIN_MS = 5_000
/** and so often for those who say that they are members: anybody may. */
export const STRANGERS_MS = 30_000

/** What to call when a member cannot be dialled, or is not known: its record is read again, as it may have other addresses or another key by now. */
export function readingAgain(
  committees: Pick<CommitteeTracker, 'get'>,
  { clock, log, everyMs = READ_AGAIN_MS }: { clock: Pick<Clock, 'monotonic'>; log: Log; everyMs?: number },
): () => void {
  let readAt = Number.NEGATIVE_INFINITY
  return () => {
    if (clock.monotonic() - readAt < everyMs) return
    readAt = clock.monotonic()
    committees.get({ fresh: true }).catch(err => log.debug({ err }, 'the members were not read again'))
  }
}

const PHASES: readonly Committees['state']['kind'][] = ['sync', 'done', 'next-params-selected']

/** Whether committees were read no earlier in the life of the chain. */
function isAtLeast(a: Committees, b: Committees): boolean {
  return (
    a.epoch > b.epoch || (a.epoch === b.epoch && PHASES.indexOf(a.state.kind) >= PHASES.indexOf(b.state.kind))
  )
}

export function memberOf(committee: Committee, nodeId: ObjectId): CommitteeMember | undefined {
  return committee.members.find(member => member.nodeId === nodeId)
}
