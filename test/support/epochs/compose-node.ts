import { createLog } from '../../../base/pino-log.ts'
import type { NetworkConfig, NodeOperator } from '../../../chain/types/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { createCommitteeTracker } from '../../../node/network/committees.ts'
import { createMemberIndex } from '../../../node/network/member-index.ts'
import { createPeerBook } from '../../../node/network/peer-book.ts'
import { peerIdTextOf } from '../../../node/network/peer-id.ts'
import { type BlobLock, createBlobLock } from '../../../node/storage/blob-lock.ts'
import { createBudget, upkeepLimits } from '../../../node/storage/budget.ts'
import { type Custody, openCustody } from '../../../node/storage/custody/custody.ts'
import { createConfirmationSigner } from '../../../node/storage/custody/signer.ts'
import { type BlobInfo, createBlobInfo } from '../../../node/storage/events/blob-info.ts'
import { createSweeper } from '../../../node/storage/events/sweeper.ts'
import { type ReadPorts, showing } from '../../../node/storage/shown.ts'
import { createStatus } from '../../../node/storage/status.ts'
import { createBlobRecords } from '../../../node/storage/store/blob-records.ts'
import { createMetadataStore } from '../../../node/storage/store/metadata-store.ts'
import { indexingMissing } from '../../../node/storage/store/missing-index.ts'
import { createNodeRecords } from '../../../node/storage/store/node-records.ts'
import type { RecordOperation } from '../../../node/storage/store/records.ts'
import type { ShardedSliverStore } from '../../../node/storage/store/shard-slivers.ts'
import { createTableRecords } from '../../../node/storage/store/table-records.ts'
import { createUpkeep, type Upkeep } from '../../../node/storage/upkeep.ts'
import { createWorkCounter } from '../../../node/storage/work.ts'
import { fakeBls } from '../fake-bls.ts'

import { N, NETWORK, secretOf } from './names.ts'
import { peersOf } from './peers.ts'
import type { WorldNode } from './world-node.ts'

/** What of a node ends with it. */
export interface Running {
  upkeep: Upkeep
  /** what it answers others from */
  shown: ReadPorts
  lock: BlobLock
  blobs: BlobInfo
  /** uploads come to it */
  custody: Custody
  stop(): Promise<void>
  die(): void
}

/** The services of a node that have to do with epochs, on the parts of its world. */
export async function compose(node: WorldNode): Promise<Running> {
  const { world } = node
  const { chain, clock, codec } = world
  let dead = false
  const living = async <T>(run: () => Promise<T>): Promise<T> => {
    if (dead) return await new Promise(() => undefined)
    const result = await run()
    return dead ? await new Promise(() => undefined) : result
  }
  const writing = (what: string, run: () => Promise<void>): Promise<void> =>
    living(async () => {
      await node.onWrite?.('before', what)
      if (dead) return
      await run()
      await node.onWrite?.('after', what)
    })
  const records = indexingMissing({
    ...node.records,
    get: (key: string) => living(() => node.records.get(key)),
    commit: (operations: readonly RecordOperation[]) =>
      writing(operations.map(({ key }) => key.split('/').slice(0, 3).join('/')).join(' '), () =>
        node.records.commit(operations),
      ),
  })
  const inner = node.slivers
  const slivers: ShardedSliverStore = {
    has: (...args) => inner.has(...args),
    holds: (...args) => inner.holds(...args),
    get: (...args) => inner.get(...args),
    open: (...args) => inner.open(...args),
    list: blobId => living(() => inner.list(blobId)),
    listShard: (...args) => living(() => inner.listShard(...args)),
    put: (...args) => writing('sliver', () => inner.put(...args)),
    putMany: (...args) => writing('slivers', () => inner.putMany(...args)),
    delete: blobId => writing('delete', () => inner.delete(blobId)),
    deleteShard: (...args) => writing('deleteShard', () => inner.deleteShard(...args)),
    scrub: (...args) => inner.scrub(...args),
    scrubUntold: (...args) => inner.scrubUntold(...args),
  }
  const metadata = createMetadataStore(records, N)
  const blobRecords = createBlobRecords(records)
  const committees = createCommitteeTracker({
    committees: async () => {
      if (node.chainDown) throw new Error('the chain does not answer')
      await node.rpc()
      return node.shown?.() ?? chain.now
    },
  })
  const lock = createBlobLock()
  const log = createLog({ level: 'warn', json: true, write: line => node.said.push(line) })
  const turning = (what: 'votingEnd' | 'initiateEpochChange') => (options?: { epoch: Epoch }) =>
    living(async () => {
      await node.rpc()
      if (node.noTurn !== undefined) throw node.noTurn
      const call = { what, first: false }
      node.turned.push(call)
      const done = await chain[what](options!.epoch)
      call.first = true
      return done
    })
  const operator = {
    capability: async () => undefined,
    votingEnd: turning('votingEnd'),
    initiateEpochChange: turning('initiateEpochChange'),
    epochSyncDone: (epoch: Epoch) =>
      living(async () => {
        await node.rpc()
        const failure = node.noReport?.(epoch)
        if (failure !== undefined) throw failure
        return await chain.report(node.nodeId, epoch)
      }),
    invalidateBlobId: certificate =>
      living(async () => {
        world.invalidate(certificate)
        return { digest: 'digest' }
      }),
  } as NodeOperator
  const signer = createConfirmationSigner(fakeBls, secretOf(node.nodeId))
  const upkeep = createUpkeep({
    nodeId: node.nodeId,
    network: { systemObjectId: NETWORK },
    nShards: N,
    slivers,
    metadata,
    blobs: blobRecords,
    records: createNodeRecords(records),
    tables: createTableRecords(records),
    committees,
    members: createMemberIndex(),
    lock,
    codec,
    peers: peersOf(world, node),
    book: createPeerBook({
      network: { peers: [] as NetworkConfig['peers'] } as NetworkConfig,
      peerIdOf: peerIdTextOf,
      clock,
      random: () => 0.5,
    }),
    chain: { epochTiming: async () => chain.timing(), isKept: async cursor => chain.isKept(cursor) },
    operator,
    bls: fakeBls,
    signer,
    budget: createBudget(upkeepLimits(2), clock),
    expectRoom: async () => undefined,
    work: createWorkCounter({
      worked(kind, slivers) {
        if (kind === 'recovered') node.recovered += slivers
      },
    }),
    metrics: {
      liar: (nodeId, what) => void node.accused.push(`${nodeId} ${what}`),
      tables: (_, differing) => {
        node.differing = differing
      },
      scrubFound: () => undefined,
    },
    clock,
    random: () => 0.5,
    log,
  })
  const blobs = createBlobInfo({
    chain: { follow: options => node.follow(options) },
    records: blobRecords,
    lock,
    log,
    clock,
    noted: upkeep.noted,
    forgotten: upkeep.forgotten,
    tables: upkeep.tables,
  })
  blobs.onEvent(async ({ type }) => {
    if (type.startsWith('Epoch')) await committees.get({ fresh: true })
  })
  const sweeper = createSweeper({ slivers, metadata, records: blobRecords, committees, lock, log, clock })
  blobs.onEvent(sweeper.onEvent)
  blobs.onFollow(sweeper.following)
  sweeper.start()
  blobs.onEvent(upkeep.onEvent)
  blobs.onFollow(upkeep.following)
  await upkeep.start()
  blobs.start()
  const custody = await openCustody({
    nodeId: node.nodeId,
    nShards: N,
    codec,
    slivers,
    metadata,
    expectRoom: async () => undefined,
    blobs,
    committees,
    epoch: upkeep.epoch,
    lock,
    signer,
    log,
    clock,
  })
  const status = createStatus({
    nodeId: node.nodeId,
    network: { systemObjectId: '0x1' } as NetworkConfig,
    metadata,
    usage: () => ({ blobs: 0, slivers: 0, bytes: 0 }),
    blobs: blobRecords,
    epoch: upkeep.epoch,
    committees,
  })
  return {
    upkeep,
    shown: showing({ slivers, status }, upkeep.isShown),
    lock,
    blobs,
    custody,
    async stop() {
      await Promise.all([blobs.stop(), upkeep.stop(), sweeper.stop()])
      dead = true
    },
    die() {
      dead = true
    },
  }
}
