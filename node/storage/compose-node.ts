import { availableParallelism } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import { createCloseStack } from '../../base/close-stack.ts'
import type { Log } from '../../base/log.ts'
import type {
  ChainEvent,
  Challenger,
  Coordinator,
  NetworkConfig,
  NodeOperator,
} from '../../chain/types/index.ts'
import type { BlobCodec, Bls } from '../../codec/index.ts'
import type { BlobId, Epoch, ObjectId } from '../../codec/types.ts'
import type { BandwidthView, PeerClient } from '../../protocols/index.ts'
import type {
  CertificateSink,
  ChallengeJudge,
  InconsistencyJudge,
  Custody as PeerCustody,
  RecoverySource,
  ShardSource,
  SliverStore,
  SnapshotSource,
  StatusSource,
} from '../../protocols/ports.ts'
import type { NodeMetrics } from '../metrics.ts'
import type { CommitteeTracker } from '../network/committees.ts'
import type { MemberIndex } from '../network/member-index.ts'
import type { PeerBook } from '../network/peer-book.ts'
import type { Refusals } from '../refusals.ts'
import type { NodeApiPorts } from './api/options.ts'
import { createBlobLock } from './blob-lock.ts'
import { withoutBlocked } from './blocked.ts'
import type { Breather } from './breather.ts'
import { createBudget, type GrantedLimits, upkeepLimits } from './budget.ts'
import { type Challenges, type ChallengesComponents, createChallenges } from './challenge/challenges.ts'
import { type CertificateService, createCertificateService } from './custody/certificates.ts'
import { type Custody, openCustody } from './custody/custody.ts'
import { createConfirmationSigner } from './custody/signer.ts'
import { type BlobInfo, createBlobInfo } from './events/blob-info.ts'
import { createSweeper } from './events/sweeper.ts'
import { createHealth, type HealthSource } from './health.ts'
import { openDecodingScratch } from './recovery/decoding-files.ts'
import { createRecoverAccounts } from './recovery/recover-accounts.ts'
import { createSymbolSource } from './recovery/symbol-source.ts'
import { type ReadPorts, showing } from './shown.ts'
import { createStatus } from './status.ts'
import type { NodeStore } from './store/node-store.ts'
import type { RecordOperation } from './store/records.ts'
import type { ShardedSliverStore } from './store/shard-slivers.ts'
import type { WriteTable } from './tables/write-table.ts'
import { createUpkeep, type Upkeep } from './upkeep.ts'
import { countingReads, createWorkCounter, goingFirst, pausing } from './work.ts'

/** What the services of a node keep things in. */
export interface NodeParts
  extends Partial<Pick<NodeStore, 'rounds'>>,
    Pick<
      NodeStore,
      'metadata' | 'blobs' | 'node' | 'tables' | 'usage' | 'expectRoom' | 'expectRoomForUpkeep' | 'disk'
    > {
  /** what is served, and what uploads are kept in */
  slivers: SliverStore
  /** the same by shards, for upkeep */
  shards: ShardedSliverStore
  /** Says of which blob a sliver was found damaged from here on. */
  onDamaged(listener: (blobId: BlobId) => void): void
}

/** What a node is made of, but for what it listens on: ports all of them, so that a simulation may put its own in their place. */
export interface ComposeNodeInit {
  nodeId: ObjectId
  network: NetworkConfig
  /** number of shards of the network; fixed for its life */
  nShards: number
  store: NodeParts
  /** a folder on the store's disk for slivers on their way in; they are all in memory when absent */
  arrivalsPath?: string
  /** one for blobs that are decoded by way of files; those that memory does not hold are left when absent */
  scratchPath?: string
  chain: Pick<Coordinator, 'follow' | 'epochTiming' | 'isKept'>
  committees: CommitteeTracker
  members: MemberIndex
  peers: PeerClient
  book: PeerBook
  codec: BlobCodec
  bls: Bls
  blsSecret: Uint8Array
  /** with which it signs in an epoch, where that is another key: while it is replaced */
  blsSecretFor?: ((epoch: Epoch) => Uint8Array | undefined) | undefined
  /** the node's wallet on chain; without one it takes part in no epoch change of its own accord */
  operator: NodeOperator | undefined
  /** for storage challenges, of the same wallet: without one, or without a folder, the node shows nothing of what it holds */
  challenger?: Challenger | undefined
  challengesPath?: string
  /** blobs that the operator may not hand out or take in; none when absent */
  isBlocked?: (blobId: BlobId) => boolean
  /** how long an upload may wait for the event of its registration */
  registrationWaitMs?: number
  /** at which stored slivers are looked at; the default's when absent */
  scrubBytesPerSecond?: number
  /** how blob tables are written: a simulation shares the work among nodes that know the same; by each itself when absent */
  writeTable?: WriteTable | undefined
  /** of all that is done beside reads and writes; the default's where absent */
  budget?: GrantedLimits
  /** shared with others in the process */
  breather?: Breather | undefined
  /** what the node's line may carry and has carried; not told when absent */
  bandwidth?: () => BandwidthView
  metrics: Pick<NodeMetrics, 'liar' | 'tables' | 'worked' | 'scrubFound' | 'watchPeers'>
  refusals: Pick<Refusals, 'refused'>
  clock: Clock
  random: () => number
  log: Log
}

/** The running services of a node, for transports to serve. */
export interface ComposedNode {
  /** what peers are shown */
  readonly served: {
    custody: PeerCustody
    slivers: SliverStore
    status: StatusSource
    certificates: CertificateSink
    shards: ShardSource
    judge: InconsistencyJudge
    recovery: RecoverySource
    snapshots: SnapshotSource
    challenges?: ChallengeJudge
  }
  /** what is handed out of what is stored, before the operator's word */
  readonly living: ReadPorts
  readonly custody: Custody
  readonly blobState: NodeApiPorts['blobState']
  readonly blobs: BlobInfo
  readonly certificates: CertificateService
  /** what others tell of storage challenges, and what is told them; none where there are no records for them */
  readonly rounds: Pick<Challenges, 'heard' | 'onNews'> | undefined
  readonly upkeep: Upkeep
  readonly health: HealthSource
  /** Resolves once what the chain had said when the node began was heard, or the node was stopped. */
  readonly caughtUp: Promise<void>
  /** Ends what is under way. Idempotent; never rejects. */
  readonly stop: () => Promise<void>
}

/** Makes the services of a storage node on the parts that are given, and starts them. Nothing is opened, or listened on. */
export async function composeNode(init: ComposeNodeInit): Promise<ComposedNode> {
  const { nodeId, network, nShards, store, chain, committees, codec, bls, clock, log } = init
  const { metadata } = store
  const opened = createCloseStack(log)
  try {
    const lock = createBlobLock()
    const signer = createConfirmationSigner(bls, init.blsSecret, init.blsSecretFor)
    const work = createWorkCounter(init.metrics)
    const budget = createBudget(upkeepLimits(availableParallelism(), init.budget), clock, init.breather)
    const unwatch = init.metrics.watchPeers(() => init.book.backingOff())
    opened.push(async () => unwatch())
    const { scratchPath } = init
    const scratch = scratchPath === undefined ? undefined : await openDecodingScratch(scratchPath)
    const upkeep = createUpkeep({
      ...init,
      scratch,
      slivers: store.shards,
      expectRoom: store.expectRoomForUpkeep,
      metadata,
      blobs: store.blobs,
      records: store.node,
      tables: store.tables,
      lock,
      signer,
      budget,
      work,
    })
    store.onDamaged(upkeep.damaged)
    const { tables } = upkeep
    const challenges = challengesOf(init, {
      upkeep,
      budget,
      signer,
      isCaughtUp: () => blobs.progress?.isTip === true,
      look: () => blobs.look(),
    })
    const noted = async (event: ChainEvent): Promise<RecordOperation[]> => [
      ...(await upkeep.noted(event)),
      ...((await challenges?.noted(event)) ?? []),
    ]
    const forgotten = (): RecordOperation[] => [...upkeep.forgotten(), ...(challenges?.forgotten() ?? [])]
    const blobs = createBlobInfo({ noted, forgotten, tables, chain, records: store.blobs, lock, log, clock })
    const custody = await openCustody({
      nodeId,
      nShards,
      arrivalsPath: init.arrivalsPath,
      codec,
      slivers: goingFirst(store.slivers, budget),
      metadata,
      expectRoom: store.expectRoom,
      blobs,
      committees,
      epoch: upkeep.epoch,
      lock,
      signer,
      log,
      clock,
      registrationWaitMs: init.registrationWaitMs,
    })
    const { epoch } = upkeep
    const status = createStatus({ nodeId, network, metadata, usage: store.usage, blobs, epoch, committees })
    const { refusals } = init
    const certificates = createCertificateService({ bls, committees, blobs, log, clock, refusals })
    blobs.onEvent(refreshCommittees(committees))
    let appliedEvents = 0
    blobs.onEvent(async () => void appliedEvents++)
    const sweeper = createSweeper({
      slivers: store.slivers,
      metadata,
      records: store.blobs,
      committees,
      lock,
      log,
      clock,
    })
    blobs.onEvent(sweeper.onEvent)
    blobs.onFollow(sweeper.following)
    sweeper.start()
    opened.push(() => sweeper.stop())
    blobs.onEvent(upkeep.onEvent)
    blobs.onFollow(upkeep.following)
    if (challenges !== undefined) blobs.onEvent(event => challenges.onEvent(event))
    const caughtUp = Promise.withResolvers<void>()
    blobs.onFollow(async () => caughtUp.resolve)
    opened.push(async () => caughtUp.resolve())
    await upkeep.start()
    opened.push(() => upkeep.stop())
    await challenges?.start()
    opened.push(async () => challenges?.stop())
    blobs.start()
    opened.push(() => blobs.stop())

    const living = showing({ slivers: countingReads(store.slivers, work), status }, upkeep.isShown)
    const all = { custody, ...living }
    const shown = init.isBlocked === undefined ? all : withoutBlocked(all, init.isBlocked)
    const recovery = createSymbolSource({
      nShards,
      epoch,
      committees: () => committees.latest(),
      members: init.members,
      slivers: shown.slivers,
      metadata,
      blobs: store.blobs,
      codec,
      accounts: createRecoverAccounts({ ...init, storedBytes: () => store.usage().bytes }),
    })
    const health = createHealth({
      status,
      upkeep: upkeep.view,
      work,
      budget: budget.view.bind(budget),
      backingOff: () => init.book.backingOff(),
      blsPublicKey: () => bls.publicKey(init.blsSecretFor?.(epoch()) ?? init.blsSecret),
      appliedEvents: () => appliedEvents,
      followed: () => blobs.progress,
      disk: store.disk,
      bandwidth: init.bandwidth,
      challenge: challenges && (() => challenges.view()),
      clock,
    })
    return {
      served: {
        ...shown,
        slivers: goingFirst(shown.slivers, budget),
        certificates,
        shards: { page: upkeep.shards.page, ...pausing(shown.slivers, budget) },
        judge: upkeep.judge,
        recovery,
        snapshots: upkeep.snapshots,
        challenges: challenges?.judge,
      },
      living: { ...living, slivers: goingFirst(living.slivers, budget) },
      custody,
      blobState: async blobId => ({ state: await blobs.get(blobId), epoch: epoch() }),
      blobs,
      certificates,
      rounds: challenges,
      upkeep,
      health,
      caughtUp: caughtUp.promise,
      stop: opened.closeAll,
    }
  } catch (error) {
    await opened.closeAll()
    throw error
  }
}

/** None where there are no records for them. */
function challengesOf(
  init: ComposeNodeInit,
  parts: Pick<ChallengesComponents, 'budget' | 'signer' | 'isCaughtUp' | 'look'> & { upkeep: Upkeep },
): Challenges | undefined {
  const { rounds, shards, blobs, metadata } = init.store
  if (rounds === undefined) return undefined
  const isWhole = async (): Promise<boolean> => (await parts.upkeep.view()).state === 'active'
  const { challenger, challengesPath: path } = init
  return createChallenges({
    ...init,
    challenger,
    path,
    rounds,
    blobs,
    metadata,
    slivers: shards,
    ...parts,
    isWhole,
  })
}

/** Reads the committee again when the chain says that it changed. */
function refreshCommittees(committees: CommitteeTracker) {
  return async ({ type }: { type: string }): Promise<void> => {
    if (changesCommittee(type)) await committees.get({ fresh: true })
  }
}

/** Whether members, or whom they have shards from, may be others after an event. */
export function changesCommittee(type: string): boolean {
  return type === 'EpochChangeStart' || type === 'EpochChangeDone' || type === 'EpochParametersSelected'
}
