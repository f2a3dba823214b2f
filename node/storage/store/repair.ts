import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '../../../base/atomic-file.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { createCodec, isMetadata } from '../../../codec/index.ts'
import type { BlobId, BlobMetadata } from '../../../codec/types.ts'
import type { AbortOptions } from '../../../protocols/ports.ts'
import { renewEndings } from './blob-records.ts'
import { damagedStore, StoreError } from './errors.ts'
import { CURSOR_KEY, PENDING_PREFIX, packKey, pendingKey } from './keys.ts'
import { createMetadataStore, type MetadataStore } from './metadata-store.ts'
import { reindexMissing } from './missing-index.ts'
import { recountPacks } from './pack-index.ts'
import { commitInSlices, deletions, openRecords, type Records, repairRecords } from './records.ts'
import { indexPacks, type RepairReport } from './repair-packs.ts'
import { checkSchema } from './schema.ts'
import { forgetTables } from './table-records.ts'
import { recountUsage } from './usage-counter.ts'

export interface RepairInit extends AbortOptions {
  /** system object ID of the network that the store belongs to */
  network: string
  nShards: number
  clock: Clock
  log: Log
}

/** A file that is there while a repair has begun and not ended. */
export const REPAIRING = 'repairing'

/**
 * Mends a node's store whose index is damaged or gone, while no node runs on it: Level's own repair, then every sliver's
 * record anew from the files, each checked against the blob's metadata where the index still has that. What the chain
 * says of blobs is read again from the beginning at the next start. An index that cannot be read through after Level's
 * repair is put aside for a new one. Nothing is deleted but records. Throws StoreError: STORE_LOCKED, STORE_FOREIGN,
 * STORE_NEWER.
 */
export async function repairNodeStore(path: string, init: RepairInit): Promise<RepairReport> {
  const { log } = init
  const index = join(path, 'index')
  await mkdir(index, { recursive: true, mode: 0o700 })
  // a half of it may not be taken for the whole
  const repairing = join(path, REPAIRING)
  const isMended = await repairRecords(index, async () => {
    await writeFile(repairing, '')
    await syncFolder(path)
  })
  const mended = isMended ? rebuild(path, init) : Promise.reject(damagedStore(path, 'index'))
  const report = await mended.catch(async error => {
    if (!(error instanceof StoreError) || error.code !== 'STORE_DAMAGED') throw error
    // Level's repair believes what the checksums of its tables would refute, or ends by it
    const aside = `${index}.${randomBytes(4).toString('hex')}`
    log.warn({ path, aside, err: error }, 'the index cannot be read through; beginning a new one beside it')
    await rename(index, aside)
    await mkdir(index, { mode: 0o700 })
    return await rebuild(path, init)
  })
  await rm(repairing)
  log.info({ path, ...report }, 'repaired a store')
  return report
}

/** What there is to be known, from the index that can be opened now and the files. */
async function rebuild(path: string, { network, nShards, clock, signal }: RepairInit): Promise<RepairReport> {
  const records = await openRecords(join(path, 'index'), clock)
  const codec = createCodec({ threads: 0 })
  try {
    await checkSchema(records, { path, network, isRepair: true })
    const abandoned = await takePending(records)
    await commitInSlices(records, renewEndings(records))
    const report = await indexPacks({
      path: join(path, 'slivers'),
      records,
      codec,
      nShards,
      metadataOf: trueMetadata(createMetadataStore(records, nShards)),
      signal,
    })
    await commitInSlices(records, recountPacks(records))
    await abandonAgain(records, abandoned)
    await commitInSlices(records, recountUsage(records))
    await commitInSlices(records, reindexMissing(records))
    await commitInSlices(records, forgetTables(records))
    // without a cursor the chain's events are read from the beginning
    await records.commit([{ type: 'del', key: CURSOR_KEY }], { sync: true })
    return report
  } finally {
    await codec.close()
    await records.close()
  }
}

/** Files that were being written or removed: they are looked at like the others. */
async function takePending(records: Records): Promise<string[]> {
  const files: string[] = []
  for await (const key of records.keys(PENDING_PREFIX)) files.push(key.slice(PENDING_PREFIX.length))
  await commitInSlices(records, deletions(files.map(pendingKey)))
  return files
}

/** Those in which nothing was needed after all: the next start removes them. */
async function abandonAgain(records: Records, files: readonly string[]): Promise<void> {
  for (const file of files) {
    if (await records.has(packKey(file))) continue
    await records.commit([{ type: 'put', key: pendingKey(file), value: new Uint8Array() }])
  }
}

/** Metadata that give their blob ID; slivers of one blob mostly lie together. */
export function trueMetadata(store: MetadataStore): (blobId: BlobId) => Promise<BlobMetadata | undefined> {
  let last: { blobId: BlobId; found: BlobMetadata | undefined } | undefined
  return async blobId => {
    if (last?.blobId !== blobId) {
      const metadata = await store.get(blobId)
      const isTrue = metadata?.blobId === blobId && isMetadata(metadata)
      last = { blobId, found: isTrue ? metadata : undefined }
    }
    return last.found
  }
}
