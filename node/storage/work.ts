import type { AbortOptions, ShardSource, SliverStore } from '../../protocols/ports.ts'
import type { NodeMetrics } from '../metrics.ts'
import type { Budget } from './budget.ts'
import type { NewSliver, ShardedSliverStore } from './store/shard-slivers.ts'

/** What a node does with slivers beside taking in uploads. */
export type WorkKind = Parameters<NodeMetrics['worked']>[0]

export interface Amount {
  slivers: number
  bytes: number
}

/** Counts since the start of the process. */
export interface WorkCounter {
  count(kind: WorkKind, slivers: number, bytes: number): void
  view(): Readonly<Record<WorkKind, Amount>>
}

export function createWorkCounter(metrics: Pick<NodeMetrics, 'worked'>): WorkCounter {
  const none = (): Amount => ({ slivers: 0, bytes: 0 })
  const all = { recovered: none(), synced: none(), served: none(), scrubbed: none() }
  return {
    count(kind, slivers, bytes) {
      const { [kind]: before } = all
      all[kind] = { slivers: before.slivers + slivers, bytes: before.bytes + bytes }
      metrics.worked(kind, slivers, bytes)
    },
    view: () => ({ ...all }),
  }
}

type Filled = Pick<ShardedSliverStore, 'list' | 'get' | 'putMany' | 'listShard' | 'deleteShard'>

/** The same store; what is put into it by many counts as work of a kind once it is durable. */
export function countingPuts(slivers: Filled, work: WorkCounter, kind: WorkKind): Filled {
  return {
    list: blobId => slivers.list(blobId),
    get: (blobId, ref, options) => slivers.get(blobId, ref, options),
    listShard: (shard, page) => slivers.listShard(shard, page),
    deleteShard: (shard, options) => slivers.deleteShard(shard, options),
    async putMany(many: readonly NewSliver[], options?: AbortOptions) {
      await slivers.putMany(many, options)
      work.count(
        kind,
        many.length,
        many.reduce((sum, { bytes }) => sum + bytes.length, 0),
      )
    },
  }
}

/** The same store; what is opened of it, to be sent, counts as served. */
export function countingReads(slivers: SliverStore, work: WorkCounter): SliverStore {
  return {
    has: (blobId, ref) => slivers.has(blobId, ref),
    holds: (blobId, ref, check) => slivers.holds(blobId, ref, check),
    get: (blobId, ref, options) => slivers.get(blobId, ref, options),
    async open(blobId, ref, options) {
      const sliver = await slivers.open(blobId, ref, options)
      if (sliver !== undefined) work.count('served', 1, sliver.length)
      return sliver
    },
    put: (blobId, ref, bytes, options) => slivers.put(blobId, ref, bytes, options),
    list: blobId => slivers.list(blobId),
    delete: blobId => slivers.delete(blobId),
  }
}

/** The same store; what readers and writers move of it is taken from what is done beside them, which pauses meanwhile. */
export function goingFirst(
  slivers: SliverStore,
  budget: Pick<Budget, 'foreground' | 'serving'>,
): SliverStore {
  const first = async <T>(work: () => Promise<T>): Promise<T> => work().finally(budget.serving())
  return {
    has: (blobId, ref) => slivers.has(blobId, ref),
    holds: (blobId, ref, check) => first(() => slivers.holds(blobId, ref, check)),
    get: (blobId, ref, options) => slivers.get(blobId, ref, options),
    async open(blobId, ref, options) {
      const sliver = await first(() => slivers.open(blobId, ref, options))
      if (sliver !== undefined) budget.foreground(sliver.length)
      return sliver
    },
    async put(blobId, ref, bytes, options) {
      budget.foreground(bytes.length)
      await first(() => slivers.put(blobId, ref, bytes, options))
    },
    list: blobId => slivers.list(blobId),
    delete: blobId => slivers.delete(blobId),
  }
}

/** What those are handed who take over shards: they pause while others are served. */
export function pausing(
  slivers: Pick<SliverStore, 'open'>,
  budget: Pick<Budget, 'breathe'>,
): Pick<ShardSource, 'open'> {
  return {
    async open(blobId, ref, { signal }) {
      await budget.breathe(signal)
      return await slivers.open(blobId, ref, { signal })
    },
  }
}
