import { KeyedLock } from '../../../base/keyed-lock.ts'
import type { ShardIndex } from '../../../codec/types.ts'
import { dropShard, type NodeRecords, putShard, type ShardRecord } from '../store/node-records.ts'

/** Records that change; undefined for one that goes. */
export type ShardChange = ReadonlyMap<ShardIndex, ShardRecord | undefined>

/**
 * What the node has to do with shards, in memory as on the disk. One change at a time, made from what the one before has left:
 * a shard is lost while it is taken over, and an event tells of it.
 */
export class ShardBook {
  readonly #records: Pick<NodeRecords, 'shards' | 'commit'>
  readonly #shards = new Map<ShardIndex, ShardRecord>()
  readonly #lock = new KeyedLock()

  constructor(records: Pick<NodeRecords, 'shards' | 'commit'>) {
    this.#records = records
  }

  get all(): ReadonlyMap<ShardIndex, ShardRecord> {
    return this.#shards
  }

  async load(): Promise<void> {
    for (const [shard, record] of await this.#records.shards()) this.#shards.set(shard, record)
  }

  /** Resolves once the change is durable; until then nobody sees it. */
  change(make: (shards: ReadonlyMap<ShardIndex, ShardRecord>) => ShardChange): Promise<ShardChange> {
    return this.#lock.run('shards', async () => {
      const change = make(this.#shards)
      if (change.size === 0) return change
      await this.#records.commit(
        [...change].map(([shard, record]) =>
          record === undefined ? dropShard(shard) : putShard(shard, record),
        ),
      )
      for (const [shard, record] of change) {
        if (record === undefined) this.#shards.delete(shard)
        else this.#shards.set(shard, record)
      }
      return change
    })
  }
}
