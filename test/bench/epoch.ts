/**
 * What the beginning of an epoch costs a node that keeps many blobs: the handler of the event, which holds up all events
 * after it, and the plan, after which lost shards are locked and the node may report. Both must not grow with the blobs.
 */
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import type { Committees } from '../../chain/types/index.ts'
import type { BlobId, Epoch, ObjectId, ShardIndex } from '../../codec/types.ts'
import { createBlobLock } from '../../node/storage/blob-lock.ts'
import { createBudget, upkeepLimits } from '../../node/storage/budget.ts'
import { createEpochs } from '../../node/storage/epochs/epochs.ts'
import { createSweeper } from '../../node/storage/events/sweeper.ts'
import { createMissing } from '../../node/storage/recovery/missing.ts'
import { blobIdFromHex } from '../../node/storage/store/keys.ts'
import { type NodeStore, openNodeStore } from '../../node/storage/store/node-store.ts'
import { fakeCommittee } from '../support/fake-peers.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { certify } from './handoff/case.ts'
import type { BenchOptions } from './main.ts'

const N = 100
const NODES = 13

export async function run({ quick, report }: BenchOptions): Promise<void> {
  for (const blobs of quick ? [100, 1_000] : [1_000, 10_000, 100_000]) {
    const folder = await temporaryFolder()
    const store = await openNodeStore({
      path: folder.path,
      network: 'bench',
      nShards: N,
      log: silentLog(),
      clock: systemClock,
    })
    try {
      await certify(store.blobs, ids(blobs))
      report({ of: { blobs }, took: await measure(store) })
    } finally {
      await store.close()
      await folder.remove()
    }
  }
}

const ids = (count: number): BlobId[] =>
  Array.from({ length: count }, (_, i) =>
    blobIdFromHex(((i * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0').padEnd(64, '5')),
  )

async function measure(store: NodeStore) {
  const clock = systemClock
  const lock = createBlobLock()
  const committee = fakeCommittee(NODES, N)
  let known: Committees = { epoch: 1 as Epoch, state: { kind: 'done', sinceMs: 0 }, current: committee }
  const committees = { get: async () => known, latest: () => known }
  const reported = new Map<Epoch, () => void>()
  const { nodeId } = committee.members[0]!
  const shared = {
    slivers: store.slivers,
    metadata: store.metadata,
    committees,
    lock,
    clock,
    log: silentLog(),
  }
  const sweeper = createSweeper({ ...shared, records: store.blobs })
  const missing = createMissing({
    nShards: N,
    slivers: store.slivers,
    records: store.node,
    shards: () => epochs.shards(),
    now: () => clock.now(),
  })
  const epochs = createEpochs({
    ...shared,
    nodeId,
    nShards: N,
    blobs: store.blobs,
    records: store.node,
    missing,
    peers: nobody,
    book: nobody,
    codec: nobody,
    budget: createBudget(upkeepLimits(1), clock),
    expectRoom: async () => {},
    accuse: () => {},
    attest: async epoch => reported.get(epoch)?.(),
    eventWritten: async () => {},
    onChange: () => {},
    random: Math.random,
  })
  // all shards are active already, and the slivers are taken to be there
  for (const shard of committee.members[0]!.shards)
    await store.node.commit([
      {
        type: 'put',
        key: `/shard/${shard.toString(16).padStart(4, '0')}`,
        value: new TextEncoder().encode('{"state":"active","epoch":1}'),
      },
    ])
  await epochs.start()
  sweeper.start()
  for (const done of [await sweeper.following(), await epochs.following()]) done()
  // one shard is lost
  const moved = { ...committee, epoch: 2 as Epoch, members: committee.members.map(withoutShard(nodeId)) }
  known = { epoch: 2 as Epoch, state: { kind: 'sync', weight: 0 }, current: moved, previous: committee }
  const told = Promise.withResolvers<void>()
  reported.set(2 as Epoch, told.resolve)
  const event = { type: 'EpochChangeStart', epoch: 2 as Epoch } as never
  const began = performance.now()
  sweeper.onEvent(event)
  epochs.onEvent(event)
  const handlerMs = performance.now() - began
  await told.promise
  const reportMs = performance.now() - began
  await epochs.stop()
  await sweeper.stop()
  return { handlerMs, reportMs }
}

const withoutShard =
  (nodeId: ObjectId) =>
  <M extends { nodeId: ObjectId; shards: ShardIndex[] }>(member: M): M =>
    member.nodeId === nodeId ? { ...member, shards: member.shards.slice(1) } : member

/** No peer is asked for anything here. */
const nobody = new Proxy({} as never, {
  get: (_, name) => () => {
    throw new Error(`${String(name)} was asked for`)
  },
})
