/**
 * A change of epoch on the devnet, the chain in this process, and the nodes in processes of their own or in this one as well: a
 * node gets more stake and with it shards. How long from the beginning of the epoch until the chain has heard from it that it is
 * whole, with the shards fetched ahead and without; and what a reader in another process meets while they are fetched and until then,
 * beside what it meets with the same blobs when nothing changes.
 */
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { blobIdToBytes, pairOfShard } from '../../../codec/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import { type Devnet, startDevnet } from '../../../node/devnet/devnet.ts'
import { controlEpochs, type EpochControl, hasSliver, testLog, until } from '../../e2e/support/epochs.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import type { Row } from '../report/row.ts'
import type { HandoffCase } from './case.ts'
import { now, type ReadTime } from './read-time.ts'

/** Few, since each blob is stored by as many calls and files as there are shards; a shard is the larger. */
const SHAPE = { nodes: 5, shards: 10 }
/** beside 1,000 of each node: for a shard or two of 10 */
const MORE_WAL = 1_000n
const STORED_AT_ONCE = 4
const STORED_BYTES_AT_ONCE = 64 * 1024 * 1024
/** What is read meanwhile is the same in all cases. */
const READ = { blobs: 20, size: 100 * 1024 }
/** reads that are told of when nothing changes */
const CALM_READS = 400
const LIMIT_MS = 600_000
/** How often the chain is asked whether it has heard of the node: it shares the cores with what is measured. */
const LOOK_MS = 250

/** Two changes, one after the other: another node gains shards in each. */
export async function measureChanges(
  one: HandoffCase,
  processes: boolean,
  report: (row: Row) => void,
): Promise<void> {
  const folder = await temporaryFolder()
  const options = { ...SHAPE, dir: folder.path, log: testLog() }
  try {
    await using devnet = await (processes ? startDevnet({ ...options, processes }) : startDevnet(options))
    await using epochs = controlEpochs(devnet, { limitMs: LIMIT_MS })
    const blobIds = await store({ devnet, epochs }, one)
    await using reader = await startReader(devnet, await store({ devnet, epochs }, READ))
    for (const [node, ahead] of [false, true].entries())
      report({
        of: { nodes: processes ? 'in processes' : 'in one', ...one, ahead: ahead ? 'yes' : 'no' },
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
  const { epochs, reader } = world
  const before = new Set(await epochs.shardsOf(node))
  const operator = epochs.chain.operator(await epochs.walletOf(node))
  await epochs.stake(node, MORE_WAL)
  await reader.reads(READ.blobs)
  const calm = p95(await reader.reads(CALM_READS))
  if (ahead) await epochs.select()
  const selectedMs = now()
  if (ahead) await until('shards are fetched ahead', () => hasNext(world, node, before), LIMIT_MS, LOOK_MS)
  const aheadMs = ahead ? now() - selectedMs : 0
  const epoch = ahead ? await epochs.begin() : await epochs.leap()
  const beganMs = now()
  const isWhole = async () => (await operator.capability())?.lastEpochSyncDone === epoch
  await until('the node is whole', isWhole, LIMIT_MS, LOOK_MS)
  const wholeAtMs = now()
  const reads = await reader.reads(1)
  const gained = (await epochs.shardsOf(node)).filter(shard => !before.has(shard))
  await epochs.done()
  const sinceMs = ahead ? selectedMs : beganMs
  const meanwhile = reads.filter(({ atMs, tookMs }) => atMs + tookMs >= sinceMs && atMs <= wholeAtMs)
  return {
    shards: gained.length,
    aheadMs,
    wholeMs: wholeAtMs - beganMs,
    calmReadP95Ms: calm,
    readP95Ms: p95(meanwhile),
    ratio: p95(meanwhile) / calm,
    reads: meanwhile.length,
  }
}

/** Whether the node has what it will have to have. */
async function hasNext(
  { devnet, epochs, blobIds }: World,
  node: number,
  before: ReadonlySet<number>,
): Promise<boolean> {
  const { next, current } = await epochs.chain.committees()
  const { nodeId } = devnet.nodes[node]!
  const shards = next?.members.find(member => member.nodeId === nodeId)?.shards ?? []
  const gained = shards.filter(shard => !before.has(shard))
  for (const blobId of blobIds) {
    for (const shard of gained) {
      const pair = pairOfShard(shard, blobId, current.nShards)
      for (const axis of ['primary', 'secondary'] as const)
        if (!(await hasSliver(devnet, node, blobId, { pair, axis }))) return false
    }
  }
  return gained.length > 0
}

/** Resolves once every node has its slivers. */
async function store(
  { devnet, epochs }: Pick<World, 'devnet' | 'epochs'>,
  { blobs, size }: HandoffCase,
): Promise<BlobId[]> {
  const blobIds: BlobId[] = []
  let left = blobs
  const storeSome = async () => {
    while (left-- > 0) {
      const { blobId } = await devnet.client.store(randomBytes(size), { epochs: 20, deletable: false })
      blobIds.push(blobId)
    }
  }
  const atOnce = Math.max(1, Math.min(STORED_AT_ONCE, Math.floor(STORED_BYTES_AT_ONCE / size)))
  await Promise.all(Array.from({ length: atOnce }, storeSome))
  const last = blobIds.at(-1)!
  for (const [node, { http }] of devnet.network.peers.entries())
    await until(
      'a node has its slivers',
      async () => {
        const { has, of } = await epochs.kept(node, last)
        return has === of && (await lacksNothing(http!))
      },
      LIMIT_MS,
    )
  return blobIds.sort((a, b) => Buffer.compare(blobIdToBytes(b), blobIdToBytes(a)))
}

async function lacksNothing(http: string): Promise<boolean> {
  const { success } = (await (await fetch(`${http}/v1/health`)).json()) as {
    success: { data: { missing: object } }
  }
  return Object.keys(success.data.missing).length === 0
}

interface Reader extends AsyncDisposable {
  /** Each read since the last call, once there are so many. Rejects when one failed. */
  reads(atLeast: number): Promise<ReadTime[]>
}

async function startReader({ dir }: Devnet, blobIds: readonly BlobId[]): Promise<Reader> {
  const child = fork(join(import.meta.dirname, 'reader.ts'), [join(dir, 'network.json'), ...blobIds])
  const exited = once(child, 'exit')
  const failed = exited.then(() => Promise.reject(new Error('the reader ended')))
  failed.catch(() => undefined)
  return {
    async reads(atLeast) {
      child.send(atLeast)
      const [told] = await Promise.race([once(child, 'message') as Promise<[ReadTime[]]>, failed])
      return told
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

function p95(reads: readonly ReadTime[]): number {
  const times = reads.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
  return times[Math.ceil(times.length * 0.95) - 1]!
}
