import { mkdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { syncFolder } from '../../../../base/atomic-file.ts'
import { shardOfPair } from '../../../../codec/index.ts'
import type { BlobId, ShardIndex } from '../../../../codec/types.ts'
import { blobIdOfSliver, refOfSliverKey, sliversOfBlob } from '../keys.ts'
import { createMetadataStore } from '../metadata-store.ts'
import { indexingMissing } from '../missing-index.ts'
import { createNodeRecords, putMissing } from '../node-records.ts'
import { PackIndex, type SliverChange } from '../pack-index.ts'
import { footprintOf } from '../pack-name.ts'
import { foundIn, isPack } from '../repair-packs.ts'
import { openUsage } from '../usage-counter.ts'
import type { Checking } from './check-store.ts'

/** Puts right what a check finds. What it drops it notes as missing first, so that the node gets it back from others. */
export interface Mender {
  /** A sliver is not there, or not right. */
  drop(sliver: SliverChange): Promise<void>
  /** A blob that has slivers has no metadata, or wrong ones. */
  lacksMetadata(blobId: BlobId): Promise<void>
  /** What is dropped is so when it resolves. */
  flush(): Promise<void>
  /** A file is known to no record: slivers in it that are lacking have records again, otherwise it is put aside. */
  takeIn(file: string): Promise<void>
}

/** Beside the folder of slivers: files in which there was nothing to be needed. */
export const ASIDE = 'aside'
/** Slivers that are dropped in one batch. */
const SLICE = 500

export async function createMender(checking: Checking): Promise<Mender> {
  const { path, nShards, clock, log } = checking
  const records = indexingMissing(checking.records)
  const usage = await openUsage(records)
  const node = createNodeRecords(records)
  const metadata = createMetadataStore(records, nShards, usage)
  const remove = (file: string) => rm(join(path, file), { force: true })
  const index = new PackIndex({ records, usage, remove, onSparse: () => {}, log })
  let slivers: SliverChange[] = []

  async function noteMissing(keys: readonly string[]): Promise<void> {
    const lacking = Map.groupBy(keys, blobIdOfSliver)
    for (const [blobId, some] of lacking) {
      const before = await node.missingOf(blobId)
      const shards = new Set<ShardIndex>(before?.shards)
      for (const key of some) shards.add(shardOfPair(refOfSliverKey(key).pair, blobId, nShards))
      const record = { sinceMs: clock.now(), ...before, reason: 'damaged', attempts: 0, nextMs: 0 } as const
      await node.commit([putMissing(blobId, { ...record, shards: [...shards] })], { sync: false })
    }
  }

  async function flush(): Promise<void> {
    const dropped = slivers
    slivers = []
    if (dropped.length === 0) return
    await noteMissing(dropped.map(({ key }) => key))
    await index.apply({ slivers: dropped, sync: true })
  }

  return {
    flush,
    async drop(sliver) {
      slivers.push(sliver)
      if (slivers.length >= SLICE) await flush()
    },
    async lacksMetadata(blobId) {
      await metadata.delete(blobId)
      const keys: string[] = []
      for await (const key of records.keys(sliversOfBlob(blobId))) keys.push(key)
      await noteMissing(keys)
    },
    async takeIn(file) {
      const changes: SliverChange[] = []
      let writtenBytes = 0
      for await (const { blobId, key, location } of isPack(file) ? foundIn(checking, file) : []) {
        writtenBytes += footprintOf(location)
        // without metadata nobody knows whether it is wanted
        if (key === undefined || (await checking.metadataOf(blobId)) === undefined) continue
        if (!(await records.has(key))) changes.push({ key, to: location })
      }
      if (changes.length > 0) {
        await index.apply({ slivers: changes, written: new Map([[file, writtenBytes]]), sync: true })
        return
      }
      const aside = join(path, '..', ASIDE)
      await mkdir(aside, { recursive: true, mode: 0o700 })
      await rename(join(path, file), join(aside, basename(file)))
      await syncFolder(aside)
      log.warn({ file, aside }, 'a file that no record knows was put aside')
    },
  }
}
