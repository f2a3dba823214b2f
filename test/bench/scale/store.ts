/** One store of the scale bench: a process fills it, another measures it, so that what filling took is not counted. */
import { randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { pairOfShard } from '../../../codec/index.ts'
import type { BlobId, BlobMetadata } from '../../../codec/types.ts'
import { blobIdFromHex } from '../../../node/storage/store/keys.ts'
import { type NodeStore, openNodeStore } from '../../../node/storage/store/node-store.ts'
import { BENCH, certify } from '../handoff/case.ts'
import { median } from '../report/row.ts'

const { network, nShards, shard } = BENCH
const SLIVER_BYTES = 100
const SAMPLES = 200

const [path, count] = [process.argv[2]!, Number(process.argv[4])]
if (process.argv[3] === 'fill') await fillAll()
else process.send?.(await measure())
process.disconnect()

function open(): Promise<NodeStore> {
  return openNodeStore({ path, network, nShards, log: silentLog(), clock: systemClock })
}

async function fillAll(): Promise<void> {
  const blobIds = Array.from({ length: count }, () => blobIdFromHex(randomBytes(32).toString('hex')))
  const store = await open()
  for (let at = 0; at < count; at += 1_000) await fill(store, blobIds.slice(at, at + 1_000))
  await certify(store.blobs, blobIds)
  await store.close()
}

async function measure() {
  const diskBytes = await bytesBelow(path)
  const began = performance.now()
  const store = await open()
  const openMs = performance.now() - began
  const some: BlobId[] = []
  for (const { blobId } of await store.slivers.listShard(shard, { limit: SAMPLES })) some.push(blobId)
  const each = async (act: (blobId: BlobId) => Promise<unknown>): Promise<number> => {
    const times: number[] = []
    for (const blobId of some) times.push(await timed(() => act(blobId)))
    return median(times)
  }
  const readMs = await each(blobId => store.slivers.get(blobId, refsOf(blobId)[0]))
  const statusMs = await each(blobId => store.blobs.get(blobId))
  const storeMs = await each(() => fill(store, [blobIdFromHex(randomBytes(32).toString('hex'))]))
  const { rss } = process.memoryUsage()
  await store.close()
  return { storeMs, readMs, statusMs, openMs, rssMiB: rss / 1024 / 1024, diskBytesPerBlob: diskBytes / count }
}

function refsOf(blobId: BlobId) {
  const pair = pairOfShard(shard, blobId, nShards)
  return [
    { pair, axis: 'primary' },
    { pair, axis: 'secondary' },
  ] as const
}

async function fill(store: NodeStore, blobIds: readonly BlobId[]): Promise<void> {
  for (const blobId of blobIds) await store.metadata.put(metadataOf(blobId), { sync: false })
  await store.slivers.putMany(
    blobIds.flatMap(blobId =>
      refsOf(blobId).map(ref => ({ blobId, ref, bytes: new Uint8Array(SLIVER_BYTES).fill(1) })),
    ),
  )
}

/** Of the right size; nobody verifies it here. */
function metadataOf(blobId: BlobId): BlobMetadata {
  return { blobId, encodingType: 'RS2', unencodedLength: 1_000, nShards, hashes: randomBytes(64 * nShards) }
}

async function bytesBelow(path: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).blocks * 512
  return bytes
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await act()
  return performance.now() - began
}
