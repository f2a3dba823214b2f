import { join } from 'node:path'
import type { Clock } from '../../../../base/clock.ts'
import type { Log } from '../../../../base/log.ts'
import { type BlobCodec, createAdaptiveCodec } from '../../../../codec/index.ts'
import type { BlobId, BlobMetadata } from '../../../../codec/types.ts'
import type { AbortOptions } from '../../../../protocols/ports.ts'
import { damagedStore, StoreError } from '../errors.ts'
import { SCHEMA_KEY } from '../keys.ts'
import { createMetadataStore } from '../metadata-store.ts'
import { hasPacks } from '../node-store.ts'
import { namesIn } from '../pack-file.ts'
import { openRecords, type Records } from '../records.ts'
import { REPAIRING, repairNodeStore, trueMetadata } from '../repair.ts'
import { checkSchema } from '../schema.ts'
import { checkCounts } from './counts.ts'
import { createMender } from './mender.ts'
import { checkPacks } from './packs.ts'
import { checkRecords } from './records.ts'
import { type CheckReport, Findings } from './report.ts'

export interface CheckInit extends AbortOptions {
  /** system object ID of the network that the store belongs to */
  network: string
  nShards: number
  /** Puts right what can be. */
  repairs: boolean
  /** Compares slivers with their blobs' metadata too, which takes an expansion of each. */
  isDeep: boolean
  onProgress?: (read: { doneBytes: number; totalBytes: number }) => void
  clock: Clock
  log: Log
}

/** What the parts of a check work on. */
export interface Checking extends Omit<CheckInit, 'onProgress'> {
  /** folder of the slivers */
  path: string
  records: Records
  findings: Findings
  codec: BlobCodec
  /** undefined when they are gone or do not give the blob's ID */
  metadataOf: (blobId: BlobId) => Promise<BlobMetadata | undefined>
  /** So many bytes of slivers were read. */
  onRead: (bytes: number) => void
}

/**
 * Compares a store's index with its files and both with the blobs' metadata, while no node runs on it; one sliver is in
 * memory at a time. Nothing changes unless it `repairs`. Throws StoreError: STORE_LOCKED, STORE_FOREIGN, STORE_NEWER,
 * STORE_OLDER, and STORE_DAMAGED for an index that cannot be read, where it does not repair.
 */
export async function checkNodeStore(path: string, init: CheckInit): Promise<CheckReport> {
  const findings = new Findings()
  try {
    return await checkOnce(path, init, findings)
  } catch (error) {
    if (!init.repairs || !(error instanceof StoreError) || error.code !== 'STORE_DAMAGED') throw error
    init.log.warn({ path, err: error }, 'the index is damaged; making it anew')
  }
  findings.add('index')
  await repairNodeStore(path, init)
  return await checkOnce(path, init, findings)
}

async function checkOnce(path: string, init: CheckInit, findings: Findings): Promise<CheckReport> {
  const { network, nShards, repairs, onProgress = () => {}, clock } = init
  const slivers = join(path, 'slivers')
  const names = await namesIn(path)
  if (names.includes(REPAIRING)) throw damagedStore(path, REPAIRING)
  const hasFiles = await hasPacks(slivers)
  if (!names.includes('index')) {
    if (hasFiles) throw damagedStore(path, 'index')
    return { slivers: 0, bytes: 0, packs: 0, found: {}, isMended: true }
  }
  const records = await openRecords(join(path, 'index'), clock)
  const codec = createAdaptiveCodec()
  try {
    if (hasFiles && !(await records.has(SCHEMA_KEY))) throw damagedStore(path, SCHEMA_KEY)
    await checkSchema(records, { path, network, isReadOnly: !repairs })
    let doneBytes = 0
    let totalBytes = 0
    const onRead = (bytes: number): void => {
      doneBytes += bytes
      onProgress({ doneBytes, totalBytes })
    }
    const metadataOf = trueMetadata(createMetadataStore(records, nShards))
    const checking: Checking = { ...init, path: slivers, records, findings, codec, metadataOf, onRead }
    const usage = await checkCounts(checking)
    totalBytes = usage.bytes
    const mender = repairs ? await createMender(checking) : undefined
    await checkRecords(checking, mender)
    const packs = await checkPacks(checking, mender)
    const isMended = repairs || findings.isEmpty
    return { slivers: usage.slivers, bytes: usage.bytes, packs, found: findings.found, isMended }
  } finally {
    await codec.close()
    await records.close()
  }
}
