import { defined } from '../../../base/defined.ts'
import type { Committee } from '../../../chain/types/index.ts'
import type { Epoch, ObjectId, ShardIndex } from '../../../codec/types.ts'
import type { ShardRecord } from '../store/node-records.ts'

export interface PlanInput {
  /** this node */
  nodeId: ObjectId
  /** of the epoch before, where there is one */
  previous?: Pick<Committee, 'members'>
  current: Pick<Committee, 'epoch' | 'members'>
  /** of the next epoch, once it is decided: final then */
  next?: Pick<Committee, 'epoch' | 'members'>
  /** what the node has to do with shards so far */
  records: ReadonlyMap<ShardIndex, ShardRecord>
}

export interface Plan {
  /** records that change, as they are from here on; all together, before anything is done about them */
  change: Map<ShardIndex, ShardRecord>
  /** shards whose slivers go, and their records after that */
  remove: ShardIndex[]
}

/** A lost shard is kept as a source for so many epochs when its new owner does not report. */
const KEEP_EPOCHS = 2
/** ... and for so many when it does. */
const KEEP_RECEIVED_EPOCHS = 1

/**
 * What committees mean for a node's shards. Pure. A shard that is gained is fetched from its owner before; one that is lost is
 * locked, and removed only when others can do without it; one that comes back keeps what is there of it.
 */
export function planShards({ nodeId, previous, current, next, records }: PlanInput): Plan {
  const mine = new Set(shardsOf(current, nodeId))
  const soon = new Set(next === undefined ? [] : shardsOf(next, nodeId))
  const change = new Map<ShardIndex, ShardRecord>()
  const remove: ShardIndex[] = []
  const gain = (shard: ShardIndex, epoch: Epoch, from: Pick<Committee, 'members'> | undefined): void => {
    const source = from && ownerOf(from, shard)
    const record: ShardRecord = {
      state: 'gaining',
      epoch,
      source: source === nodeId ? undefined : source,
      kept: records.has(shard) || undefined,
    }
    change.set(shard, defined(record))
  }

  for (const shard of mine) {
    const record = records.get(shard)
    // what was fetched ahead goes on where it was
    if (record === undefined || record.state === 'locked') gain(shard, current.epoch, previous)
  }
  for (const shard of soon) {
    const record = records.get(shard)
    // a shard that is to come back is locked until then: what is there of it is handed out
    if (!mine.has(shard) && record === undefined) gain(shard, next!.epoch, current)
  }
  for (const [shard, record] of records) {
    if (mine.has(shard)) continue
    if (record.state === 'locked') {
      const age = current.epoch - record.epoch
      const keep = record.received ? KEEP_RECEIVED_EPOCHS : KEEP_EPOCHS
      if (age >= keep && !soon.has(shard)) remove.push(shard)
    } else if (record.epoch <= current.epoch) {
      // also when it was never whole: uploads may have brought slivers that nobody else has
      change.set(shard, { state: 'locked', epoch: current.epoch })
    }
  }
  return { change, remove }
}

/** Shards of a node in a committee; none when it is not in it. */
export function shardsOf(committee: Pick<Committee, 'members'>, nodeId: ObjectId): readonly ShardIndex[] {
  return committee.members.find(member => member.nodeId === nodeId)?.shards ?? []
}

/** The node that has a shard in a committee. */
export function ownerOf(committee: Pick<Committee, 'members'>, shard: ShardIndex): ObjectId | undefined {
  return committee.members.find(({ shards }) => shards.includes(shard))?.nodeId
}
