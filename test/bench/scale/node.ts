/** One node of the scale bench: a process fills its store, others measure it, so that what filling took is not counted. */
import { randomBytes } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { BlobId, BlobMetadata } from '../../../codec/types.ts'
import { blobIdFromHex } from '../../../node/storage/store/keys.ts'
import type { NodeStore } from '../../../node/storage/store/node-store.ts'
import { until } from '../../e2e/support/epochs.ts'
import { BENCH, certify } from '../handoff/case.ts'
import { median } from '../report/row.ts'
import { makeChain, openStore, refsOf, SHARDS, startNode } from './world.ts'

const SLIVER_BYTES = 100
const SLICE = 1_000
const SAMPLES = 200
/** blobs that are written at a time: one after the other, and beside others */
const LANES = [1, 64]
const WRITTEN = 500
const LIMIT_MS = 1_200_000
const MIB = 1024 * 1024

const [folder, phase, count] = [process.argv[2]!, process.argv[3]!, Number(process.argv[4])]

/** So many blobs that were certified, and a node that has begun its first epoch with them. */
async function fill(): Promise<undefined> {
  const store = await openStore(folder)
  for (let done = 0; done < count; done += SLICE) {
    const blobIds = newIds(Math.min(SLICE, count - done))
    await write(store, blobIds, LANES.at(-1)!)
    await certify(store.blobs, blobIds)
  }
  await store.close()
  await using node = await startNode(folder, await makeChain())
  await until('the node is whole', async () => (await node.upkeep()).state === 'active', LIMIT_MS)
}

/** A node that starts, and hears that an epoch begins. */
async function run() {
  const diskBytes = await bytesBelow(folder)
  const chain = await makeChain()
  const cpu = process.cpuUsage()
  const began = performance.now()
  await using node = await startNode(folder, chain)
  await (await fetch(`${node.httpUrl}/v1/health`)).arrayBuffer()
  const startMs = performance.now() - began
  const startCpuMs = cpuMsSince(cpu)
  await until('the node is whole', async () => (await node.upkeep()).state === 'active', LIMIT_MS)
  const startRssMiB = process.memoryUsage.rss() / MIB
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const epochCpu = process.cpuUsage()
  const turned = performance.now()
  chain.changeEpoch()
  const isReported = async () => {
    const { state, epoch } = await node.upkeep()
    return state === 'active' && epoch === chain.epoch
  }
  await until('the node is whole in the next epoch', isReported, LIMIT_MS)
  const wholeMs = performance.now() - turned
  await until('its table is written', async () => (await node.upkeep()).table.epoch === chain.epoch, LIMIT_MS)
  return {
    startMs,
    startCpuMs,
    startRssMiB,
    handlerMs: Math.max(...chain.handlerMs),
    wholeMs,
    tableMs: performance.now() - turned,
    tableCpuMs: cpuMsSince(epochCpu),
    heldUpMs: delay.max / 1e6,
    rssMiB: process.memoryUsage.rss() / MIB,
    ownMiB: await ownMiB(),
    diskBytesPerBlob: diskBytes / count,
  }
}

/** What uploads and readers do with the store. */
async function work() {
  const began = performance.now()
  const store = await openStore(folder)
  const openMs = performance.now() - began
  const some = (await store.slivers.listShard(SHARDS[0]!, { limit: SAMPLES })).map(({ blobId }) => blobId)
  const each = async (act: (blobId: BlobId) => Promise<unknown>): Promise<number> => {
    const times: number[] = []
    for (const blobId of some) times.push(await timed(() => act(blobId)))
    return median(times)
  }
  const readMs = await each(blobId => store.slivers.get(blobId, refsOf(blobId)[0]!))
  const statusMs = await each(blobId => store.blobs.get(blobId))
  const written: Record<string, number> = {}
  for (const lanes of LANES) {
    const cpu = process.cpuUsage()
    const ms = await timed(() => write(store, newIds(WRITTEN), lanes))
    written[`written${lanes}PerSecond`] = WRITTEN / (ms / 1_000)
    written[`write${lanes}CpuMs`] = cpuMsSince(cpu) / WRITTEN
  }
  await store.close()
  return { openMs, readMs, statusMs, ...written }
}

/** As uploads do, so many at a time. */
async function write(store: NodeStore, blobIds: readonly BlobId[], lanes: number): Promise<void> {
  const left = blobIds.values()
  const lane = async (): Promise<void> => {
    for (const blobId of left) {
      await store.metadata.put(metadataOf(blobId), { sync: false })
      await Promise.all(sliversOf(blobId).map(({ ref, bytes }) => store.slivers.put(blobId, ref, bytes)))
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

const newIds = (length: number): BlobId[] =>
  Array.from({ length }, () => blobIdFromHex(randomBytes(32).toString('hex')))

const sliversOf = (blobId: BlobId) =>
  refsOf(blobId).map(ref => ({ blobId, ref, bytes: new Uint8Array(SLIVER_BYTES).fill(1) }))

/** Of the right size; nobody verifies it here. */
const metadataOf = (blobId: BlobId): BlobMetadata => ({
  blobId,
  encodingType: 'RS2',
  unencodedLength: 1_000,
  nShards: BENCH.nShards,
  hashes: randomBytes(64 * BENCH.nShards),
})

/** Without pages of files, which the index maps and the system may take back at any time; NaN where that is not told. */
async function ownMiB(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

async function bytesBelow(path: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).blocks * 512
  return bytes
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await act()
  return performance.now() - began
}

const phases: Record<string, () => Promise<Record<string, number> | undefined>> = { fill, run, work }
const took = await phases[phase]!()
if (took !== undefined) process.send?.(took)
process.disconnect()
