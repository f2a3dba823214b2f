import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../protocols/ports.ts'
import { type BlobRecords, createBlobRecords } from './blob-records.ts'
import { damagedStore } from './errors.ts'
import { type DamagedSliver, type FileSliverStore, openFileSliverStore } from './file-sliver-store.ts'
import { SCHEMA_KEY } from './keys.ts'
import { createMetadataStore, type MetadataStore } from './metadata-store.ts'
import { namesIn } from './pack-file.ts'
import { openRecords, type Records } from './records.ts'
import { checkSchema } from './schema.ts'
import { openUsage, type StoreUsage } from './usage-counter.ts'

/** Everything that a storage node keeps. */
export interface NodeStore {
  slivers: FileSliverStore
  metadata: MetadataStore
  blobs: BlobRecords
  /** Known at any time, without counting. */
  usage(): StoreUsage
  close(): Promise<void>
}

export interface NodeStoreInit {
  /** folder; `index/` (Level) and `slivers/` are made below it */
  path: string
  /** system object ID of the network that the store belongs to */
  network: string
  nShards: number
  log: Log
  onDamaged?: (damaged: DamagedSliver) => void
  onUsage?: (usage: StoreUsage) => void
  /** Puts other records in front of the store's own, for tests. */
  wrapRecords?: (records: Records) => Records
}

/** Opens or creates a node's store. Throws StoreError. */
export async function openNodeStore({
  path,
  network,
  nShards,
  log,
  onDamaged,
  onUsage,
  wrapRecords = own => own,
}: NodeStoreInit): Promise<NodeStore> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const records = wrapRecords(await openRecords(join(path, 'index')))
  try {
    // a new index over old files would look as if nothing had ever been stored
    if (!(await records.has(SCHEMA_KEY)) && (await hasPacks(join(path, 'slivers'))))
      throw damagedStore(path, SCHEMA_KEY)
    await checkSchema(records, { path, network })
    const usage = await openUsage(records, onUsage)
    const slivers = await openFileSliverStore({ path: join(path, 'slivers'), records, usage, log, onDamaged })
    return {
      slivers,
      metadata: createMetadataStore(records, nShards, usage),
      blobs: createBlobRecords(records),
      usage: usage.get,
      async close() {
        await slivers.close()
        await records.close()
      },
    }
  } catch (error) {
    await records.close()
    throw error
  }
}

async function hasPacks(path: string): Promise<boolean> {
  for (const name of await namesIn(path)) {
    if (/^[0-9a-f]{2}$/.test(name) && (await namesIn(join(path, name))).length > 0) return true
  }
  return false
}
