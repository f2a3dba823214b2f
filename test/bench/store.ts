/**
 * A node's store: pairs of slivers of small blobs in one shard, one blob at a time as uploads bring them and many at once as a
 * shard that changes hands does; then reading, listing and dropping them. CPU time is of the whole process.
 */
import { randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { blobIdFromBytes, pairOfShard } from '../../codec/index.ts'
import type { ShardIndex } from '../../codec/types.ts'
import { type NodeStore, openNodeStore } from '../../node/storage/store/node-store.ts'
import type { NewSliver } from '../../node/storage/store/shard-slivers.ts'
import { temporaryFolder } from '../support/temporary.ts'
import type { BenchOptions } from './main.ts'

const N_SHARDS = 1000
const SHARD = 7 as ShardIndex
/** of a blob of one 2-byte symbol a row, n = 1000: 334 and 667 symbols, and their heads */
const SLIVER_BYTES = { primary: 1340, secondary: 674 } as const
const LANES = 16
const AXES = ['primary', 'secondary'] as const

export async function run({ quick, report }: BenchOptions): Promise<void> {
  const blobs = quick ? 200 : 3_000
  for (const batch of quick ? [1, 100] : [1, 10, 100, 1_000]) {
    const folder = await temporaryFolder()
    try {
      const store = await openNodeStore({
        path: folder.path,
        network: `0x${'1'.repeat(64)}`,
        nShards: N_SHARDS,
        clock: systemClock,
        log: silentLog(),
      })
      try {
        // code warms up
        await putAll(store, pairs(Math.min(100, blobs)), batch)
        await store.slivers.deleteShard(SHARD)
        const all = pairs(blobs)
        const of = { blobs, batch }
        const put = await cpu(() => putAll(store, all, batch))
        report({ of: { ...of, what: batch === 1 ? 'put' : 'putMany' }, took: perBlob(put, blobs) })
        const get = await cpu(async () => {
          for (const { blobId, ref } of all) await store.slivers.get(blobId, ref)
        })
        report({ of: { ...of, what: 'get' }, took: perBlob(get, blobs) })
        const list = await cpu(() => listAll(store))
        report({ of: { ...of, what: 'listShard' }, took: perBlob(list, blobs) })
        const diskBytes = (await sizeOf(folder.path)) / blobs
        report({ of: { ...of, what: 'disk' }, took: { bytesPerBlob: diskBytes } })
        const drop = await cpu(() => store.slivers.deleteShard(SHARD))
        report({ of: { ...of, what: 'deleteShard' }, took: perBlob(drop, blobs) })
      } finally {
        await store.close()
      }
    } finally {
      await folder.remove()
    }
  }
}

interface Cost {
  cpuMs: number
  wallMs: number
}

async function cpu(work: () => Promise<unknown>): Promise<Cost> {
  const before = process.cpuUsage()
  const started = performance.now()
  await work()
  const wallMs = performance.now() - started
  const { user, system } = process.cpuUsage(before)
  return { cpuMs: (user + system) / 1_000, wallMs }
}

const perBlob = ({ cpuMs, wallMs }: Cost, blobs: number): Record<string, number> => ({
  cpuUsPerBlob: (cpuMs * 1_000) / blobs,
  wallUsPerBlob: (wallMs * 1_000) / blobs,
})

function pairs(blobs: number): NewSliver[] {
  return Array.from({ length: blobs }, () => blobIdFromBytes(randomBytes(32))).flatMap(blobId =>
    AXES.map(axis => ({
      blobId,
      ref: { axis, pair: pairOfShard(SHARD, blobId, N_SHARDS) },
      bytes: randomBytes(SLIVER_BYTES[axis]),
    })),
  )
}

/** Batches of one blob are put as uploads do, several at a time; larger ones as a shard is taken over. */
async function putAll({ slivers }: NodeStore, all: readonly NewSliver[], batch: number): Promise<void> {
  if (batch > 1) {
    for (let i = 0; i < all.length; i += 2 * batch) await slivers.putMany(all.slice(i, i + 2 * batch))
    return
  }
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < all.length) {
      const pair = all.slice(next, next + 2)
      next += 2
      await Promise.all(pair.map(({ blobId, ref, bytes }) => slivers.put(blobId, ref, bytes)))
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

async function listAll({ slivers }: NodeStore): Promise<void> {
  const limit = 1_000
  for (let page = await slivers.listShard(SHARD, { limit }); page.length === limit; )
    page = await slivers.listShard(SHARD, { limit, after: page.at(-1)!.blobId })
}

/** What a folder takes of the disk, in whole blocks. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).blocks * 512
  return bytes
}
