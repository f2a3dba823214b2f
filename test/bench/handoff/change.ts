/**
 * A change of epoch on the devnet, its nodes and the chain in this process: a node gets more stake and with it shards. How
 * long from the beginning of the epoch until the chain has heard from it that it is whole, with the shards fetched ahead and
 * without; and what a reader in another process meets from the selection of the committee until then, beside what it meets when
 * nothing changes.
 */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { blobIdToBytes, pairOfShard } from '../../../codec/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import { type Devnet, startDevnet } from '../../../node/devnet/devnet.ts'
import { controlEpochs, type EpochControl, testLog, until } from '../../e2e/support/epochs.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import type { Row } from '../report/row.ts'
import type { HandoffCase } from './case.ts'

/** Few, since each blob is stored by as many calls and files as there are shards; a shard is the larger. */
const SHAPE = { nodes: 5, shards: 10 }
/** beside 1,000 of each node: for a shard or two of 10 */
const MORE_WAL = 1_000n
const STORED_AT_ONCE = 4
const STORED_BYTES_AT_ONCE = 64 * 1024 * 1024
/** What is read meanwhile is the same in all cases. */
const READ = { blobs: 20, size: 100 * 1024 }
/** reads that are told of when nothing changes */
const CALM_READS = 200
const LIMIT_MS = 600_000

/** Two changes, one after the other: another node gains shards in each. */
export async function measureChanges(one: HandoffCase, report: (row: Row) => void): Promise<void> {
  const folder = await temporaryFolder()
  try {
    await using devnet = await startDevnet({ ...SHAPE, dir: folder.path, log: testLog() })
    await using epochs = controlEpochs(devnet, { limitMs: LIMIT_MS })
    const blobIds = await store(devnet, one)
    await using reader = await startReader(devnet, await store(devnet, READ))
    for (const [node, ahead] of [false, true].entries())
      report({
        of: { on: 'devnet', ...one, ahead: ahead ? 'yes' : 'no' },
        took: await measure({ devnet, epochs, reader, blobIds }, node, ahead),
      })
  } finally {
    await folder.remove()
  }
}

interface World {
  devnet: Devnet
  epochs: EpochControl
  reader: Reader
  /** in the reverse of the order in which shards are handed over */
  blobIds: readonly BlobId[]
}

async function measure(world: World, node: number, ahead: boolean): Promise<Row['took']> {
  const { devnet, epochs, reader } = world
  const before = new Set(await epochs.shardsOf(node))
  await epochs.stake(node, MORE_WAL)
  await reader.reads(READ.blobs)
  const calm = p95(await reader.reads(CALM_READS))
  const selected = performance.now()
  if (ahead) {
    await epochs.select()
    await until('shards are fetched ahead', () => hasNext(world, node, before), LIMIT_MS)
  }
  const aheadMs = ahead ? performance.now() - selected : 0
  const epoch = ahead ? await epochs.begin() : await epochs.leap()
  const began = performance.now()
  const { running } = devnet.nodes[node]!
  const isWhole = async () => (await running!.upkeep()).reported === epoch
  await until('the node is whole', isWhole, LIMIT_MS)
  const wholeMs = performance.now() - began
  const reads = await reader.reads(1)
  const gained = (await epochs.shardsOf(node)).filter(shard => !before.has(shard))
  await epochs.done()
  const meanwhile = p95(reads)
  return {
    shards: gained.length,
    aheadMs,
    wholeMs,
    calmReadP95Ms: calm,
    readP95Ms: meanwhile,
    ratio: meanwhile / calm,
    reads: reads.length,
  }
}

/** Whether the node has what it will have to have. */
async function hasNext(
  { devnet, epochs, blobIds }: World,
  node: number,
  before: ReadonlySet<number>,
): Promise<boolean> {
  const { next, current } = await epochs.chain.committees()
  const { running, nodeId } = devnet.nodes[node]!
  const shards = next?.members.find(member => member.nodeId === nodeId)?.shards ?? []
  const gained = shards.filter(shard => !before.has(shard))
  for (const blobId of blobIds) {
    for (const shard of gained) {
      const pair = pairOfShard(shard, blobId, current.nShards)
      for (const axis of ['primary', 'secondary'] as const)
        if (!(await running!.slivers.has(blobId, { pair, axis }))) return false
    }
  }
  return gained.length > 0
}

/** Resolves once every node has its slivers. */
async function store({ client, nodes }: Devnet, { blobs, size }: HandoffCase): Promise<BlobId[]> {
  const blobIds: BlobId[] = []
  let left = blobs
  const storeSome = async () => {
    while (left-- > 0)
      blobIds.push((await client.store(randomBytes(size), { epochs: 20, deletable: false })).blobId)
  }
  const atOnce = Math.max(1, Math.min(STORED_AT_ONCE, Math.floor(STORED_BYTES_AT_ONCE / size)))
  await Promise.all(Array.from({ length: atOnce }, storeSome))
  for (const { running } of nodes)
    await until(
      'a node has its slivers',
      async () => Object.keys((await running!.upkeep()).missing).length === 0,
      LIMIT_MS,
    )
  return blobIds.sort((a, b) => Buffer.compare(blobIdToBytes(b), blobIdToBytes(a)))
}

interface Reader extends AsyncDisposable {
  /** How long each read took since the last call, in ms, once there are so many. Rejects when one failed. */
  reads(atLeast: number): Promise<number[]>
}

async function startReader({ dir }: Devnet, blobIds: readonly BlobId[]): Promise<Reader> {
  const child = fork(join(import.meta.dirname, 'reader.ts'), [join(dir, 'network.json'), ...blobIds])
  const exited = once(child, 'exit')
  const failed = exited.then(() => Promise.reject(new Error('the reader ended')))
  failed.catch(() => undefined)
  return {
    async reads(atLeast) {
      child.send(atLeast)
      const [told] = await Promise.race([once(child, 'message') as Promise<[number[]]>, failed])
      return told
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

function p95(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1]!
}
