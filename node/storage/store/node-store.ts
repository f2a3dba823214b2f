import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { type BlobRecords, createBlobRecords } from './blob-records.ts'
import { type CopyOptions, copyStore, type StoreCopy } from './copy-store.ts'
import { damagedStore } from './errors.ts'
import { type DamagedSliver, type FileSliverStore, openFileSliverStore } from './file-sliver-store.ts'
import { SCHEMA_KEY } from './keys.ts'
import { createMetadataStore, type MetadataStore } from './metadata-store.ts'
import { indexingMissing } from './missing-index.ts'
import { createNodeRecords, type NodeRecords } from './node-records.ts'
import { namesIn, writePack } from './pack-file.ts'
import { isPackFolder } from './pack-name.ts'
import { TEMPORARY } from './pack-writer.ts'
import { openRecords, type Records } from './records.ts'
import { REPAIRING } from './repair.ts'
import { createRoom, type DiskView, type Room } from './room.ts'
import { createRoundRecords, type RoundRecords } from './round-records.ts'
import { checkSchema } from './schema.ts'
import { createTableRecords, type TableRecords } from './table-records.ts'
import { openUsage, type StoreUsage } from './usage-counter.ts'

/** Everything that a storage node keeps. */
export interface NodeStore {
  slivers: FileSliverStore
  metadata: MetadataStore
  blobs: BlobRecords
  /** what the node knows of itself */
  node: NodeRecords
  /** blob tables as of epochs' beginnings */
  tables: TableRecords
  /** of storage challenges */
  rounds: RoundRecords
  /** Throws DiskError while there is no room on the disk, for `bytes` more of uploads. Reading goes on. */
  expectRoom(bytes?: number): Promise<void>
  /** The same for what the node gets back or takes over, which may use what uploads leave. */
  expectRoomForUpkeep(bytes?: number): Promise<void>
  disk(): Promise<DiskView>
  /** Copies it as of one moment, while it is used: see `copyStore`. */
  copy(to: string, options?: CopyOptions): Promise<StoreCopy>
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
  clock: Clock
  log: Log
  onDamaged?: (damaged: DamagedSliver) => void
  onUsage?: (usage: StoreUsage) => void
  /** Something was not taken in because the disk is full. */
  onNoRoom?: () => void
  /** Puts other records in front of the store's own, for tests. */
  wrapRecords?: (records: Records) => Records
  /** The same for the writing of files. */
  wrapWrite?: (write: typeof writePack) => typeof writePack
  /** slivers of uploads up to so many bytes lie in the index; 4 KiB when absent */
  inlineBytes?: number | undefined
  /** of the disk, that uploads leave free; RESERVED_BYTES when absent */
  reservedBytes?: number | undefined
  /** Of the disk, instead of what the system says. */
  freeBytes?: () => Promise<number>
}

/** Opens or creates a node's store. Throws StoreError. */
export async function openNodeStore({
  path,
  network,
  nShards,
  clock,
  log,
  onDamaged,
  onUsage,
  onNoRoom = () => {},
  wrapRecords = own => own,
  wrapWrite = own => own,
  inlineBytes,
  reservedBytes,
  freeBytes,
}: NodeStoreInit): Promise<NodeStore> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  if ((await namesIn(path)).includes(REPAIRING)) throw damagedStore(path, REPAIRING)
  const write = wrapWrite(writePack)
  const temporary = join(path, 'slivers', TEMPORARY)
  const room = createRoom({
    path: temporary,
    clock,
    log,
    write,
    onRefused: onNoRoom,
    reservedBytes,
    freeBytes,
  })
  const records = noticing(wrapRecords(await openRecords(join(path, 'index'), clock)), room)
  try {
    // a new index over old files would look as if nothing had ever been stored
    if (!(await records.has(SCHEMA_KEY)) && (await hasPacks(join(path, 'slivers'))))
      throw damagedStore(path, SCHEMA_KEY)
    await checkSchema(records, { path, network })
    const usage = await openUsage(records, onUsage)
    const files = { path: join(path, 'slivers'), write, inlineBytes, onDamaged }
    const indexed = indexingMissing(records)
    const slivers = await openFileSliverStore({ ...files, nShards, clock, records, usage, room, log })
    return {
      slivers,
      metadata: createMetadataStore(records, nShards, usage),
      blobs: createBlobRecords(indexed),
      node: createNodeRecords(indexed),
      tables: createTableRecords(indexed),
      rounds: createRoundRecords(indexed),
      expectRoom: room.expect,
      expectRoomForUpkeep: room.expectForUpkeep,
      disk: room.view,
      async copy(to, options) {
        // before the snapshot: what it needs must stay
        const release = slivers.holdFiles()
        try {
          return await copyStore({ path, records, clock }, to, options)
        } finally {
          await release()
        }
      },
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

/** The same records; the room hears of every write that failed. */
function noticing(records: Records, room: Pick<Room, 'failed'>): Records {
  return {
    get: key => records.get(key),
    getMany: keys => records.getMany(keys),
    has: key => records.has(key),
    list: prefix => records.list(prefix),
    keys: (prefix, range) => records.keys(prefix, range),
    async commit(operations, options) {
      try {
        await records.commit(operations, options)
      } catch (error) {
        room.failed(error)
        throw error
      }
    },
    close: () => records.close(),
  }
}

/** Whether there are files of slivers in their folder. */
export async function hasPacks(path: string): Promise<boolean> {
  for (const name of await namesIn(path)) {
    if (isPackFolder(name) && (await namesIn(join(path, name))).length > 0) return true
  }
  return false
}
