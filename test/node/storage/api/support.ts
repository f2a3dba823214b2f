import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { LruMap } from '../../../../base/lru-map.ts'
import type { FollowProgress } from '../../../../chain/types/index.ts'
import { type Codec, createCodec, type EncodedBlob, shardOfPair } from '../../../../codec/index.ts'
import { loadBls } from '../../../../codec/node.ts'
import type { BlobId, SliverRef } from '../../../../codec/types.ts'
import { createCommitteeTracker } from '../../../../node/network/committees.ts'
import { createMemberIndex } from '../../../../node/network/member-index.ts'
import { createNodeApi, type NodeApi, type NodeApiInit } from '../../../../node/storage/api/index.ts'
import { type BlobLock, createBlobLock } from '../../../../node/storage/blob-lock.ts'
import { createBudget, upkeepLimits } from '../../../../node/storage/budget.ts'
import { type Custody, openCustody } from '../../../../node/storage/custody/custody.ts'
import { createConfirmationSigner } from '../../../../node/storage/custody/signer.ts'
import { type BlobInfo, createBlobInfo } from '../../../../node/storage/events/blob-info.ts'
import { createHealth } from '../../../../node/storage/health.ts'
import { createJudge } from '../../../../node/storage/recovery/judge.ts'
import { createBlobRecords } from '../../../../node/storage/store/blob-records.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import { createMetadataStore, type MetadataStore } from '../../../../node/storage/store/metadata-store.ts'
import { openRecords } from '../../../../node/storage/store/records.ts'
import type { UpkeepView } from '../../../../node/storage/upkeep.ts'
import { createWorkCounter } from '../../../../node/storage/work.ts'
import type { SliverStore } from '../../../../protocols/ports.ts'
import { FakeChain } from '../../../support/fake-chain.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

export const N = 10

/** One node of four behind real HTTP, with real services, on a chain in memory. */
export interface TestNode {
  chain: FakeChain
  codec: Codec
  /** encoded for the network's shards */
  blob: EncodedBlob
  blobs: BlobInfo
  slivers: SliverStore
  metadata: MetadataStore
  custody: Custody
  lock: BlobLock
  publicKey: Uint8Array
  /** this node's slivers of a blob */
  ours(blob?: EncodedBlob): SliverRef[]
  /** An API with other settings; closed with the rest. */
  api(init?: Partial<NodeApiInit>): Promise<string>
  /** what the node says of its upkeep; a test may change it */
  view: UpkeepView
  /** how far it has heard the chain; as well */
  followed: FollowProgress | undefined
  close(): Promise<void>
}

export async function startTestNode({ registrationWaitMs = 100 } = {}): Promise<TestNode> {
  const folder = await temporaryFolder()
  const records = await openRecords(folder.path, systemClock)
  const codec = createCodec({ threads: 0 })
  const blob = await codec.encode(randomBytes(5000), N)
  const bls = await loadBls()
  const secret = bls.generateSecret()
  const publicKey = bls.publicKey(secret)
  const member = (i: number) => ({
    name: String(i),
    blsPublicKey: publicKey,
    networkPublicKey: Uint8Array.of(0, ...randomBytes(32)),
    multiaddrs: [],
  })
  const chain = new FakeChain(N, [0, 1, 2, 3].map(member))
  const state = createBlobRecords(records)
  const lock = createBlobLock()
  const blobs = createBlobInfo({ chain, records: state, lock, log: silentLog(), clock: systemClock })
  const slivers = memorySliverStore()
  const metadata = createMetadataStore(records, N)
  const { nodeId, shards } = chain.committee.members[1]!
  const services = {
    nodeId,
    nShards: N,
    arrivalsPath: join(folder.path, 'arrivals'),
    registrationWaitMs,
    clock: systemClock,
    codec,
    slivers,
    metadata,
    expectRoom: async () => {},
    blobs,
    committees: createCommitteeTracker(chain),
    epoch: () => chain.epoch,
    blobState: async (blobId: BlobId) => ({ state: await blobs.get(blobId), epoch: chain.epoch }),
    lock,
    log: silentLog(),
  }
  const custody = await openCustody({ ...services, signer: createConfirmationSigner(bls, secret) })
  const view: UpkeepView = {
    state: 'active',
    epoch: chain.committee.epoch,
    shards: { active: shards.length, gaining: 0, locked: 0 },
    missing: {},
    each: new Map(shards.map(shard => [shard, { state: 'active' as const, lacking: false }])),
    lost: [],
    table: { epoch: chain.committee.epoch, digest: 'ab'.repeat(32), differing: 0 },
    scrub: { epoch: chain.committee.epoch, over: true, checked: 3, bad: 1 },
  }
  const status = {
    nodeInfo: async () => ({
      nodeId,
      network: chain.network.systemObjectId,
      version: 'test',
      epoch: (await chain.committees()).epoch,
      shards,
      storedBlobs: 0,
      storedBytes: 0,
    }),
  }
  blobs.start()
  const apis: NodeApi[] = []
  const own: TestNode = {
    chain,
    view,
    codec,
    blob,
    blobs,
    slivers,
    metadata,
    custody,
    lock,
    publicKey,
    followed: { checkpoint: 12n, isTip: true },
    ours(of = blob) {
      const { blobId } = of.metadata
      const pairs = Array.from({ length: N }, (_, pair) => pair as SliverRef['pair'])
      return pairs
        .filter(pair => shards.includes(shardOfPair(pair, blobId, N)))
        .flatMap(pair => (['primary', 'secondary'] as const).map(axis => ({ pair, axis })))
    },
    async api(init = {}) {
      const upkeep = async () => view
      const work = createWorkCounter({ worked: () => undefined })
      work.count('recovered', 2, 300)
      const disk = async () => ({ freeBytes: 3_000, reservedBytes: 2_000, takesUploads: true })
      const told = {
        status,
        upkeep,
        work,
        budget: () => ({ threads: 1.5, bytesPerSecond: 100, bytesInFlight: 50, heldBytes: 30, waiting: 2 }),
        backingOff: () => 4,
        blsPublicKey: () => own.publicKey,
        appliedEvents: () => 7,
        followed: () => own.followed,
        disk,
        clock: systemClock,
      }
      const health = createHealth(told)
      const judge = createJudge({
        ...services,
        committees: () => ({
          epoch: chain.epoch,
          state: { kind: 'done', sinceMs: 0 },
          current: chain.committee,
        }),
        members: createMemberIndex(),
        blobs: state,
        budget: createBudget(upkeepLimits(2), systemClock),
        signer: createConfirmationSigner(bls, secret),
        wrong: new LruMap<BlobId, true>(10),
        liars: new LruMap<string, true>(10),
        accuse: () => undefined,
      })
      const api = createNodeApi({ ...services, custody, health, judge, host: '127.0.0.1', port: 0, ...init })
      await api.start()
      apis.push(api)
      return api.url
    },
    async close() {
      await Promise.all(apis.map(api => api.stop()))
      await blobs.stop()
      await records.close()
      await codec.close()
      await folder.remove()
    },
  }
  return own
}
