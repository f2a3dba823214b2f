import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { LruMap } from '../../base/lru-map.ts'
import type {
  ChainEvent,
  ChainReader,
  CommitteeMember,
  NetworkConfig,
  NodeOperator,
} from '../../chain/types/index.ts'
import type { BlobCodec, Bls } from '../../codec/index.ts'
import type { BlobId, Epoch, ObjectId, ShardIndex } from '../../codec/types.ts'
import type { PeerClient } from '../../protocols/index.ts'
import type { ShardSource, SnapshotSource } from '../../protocols/ports.ts'
import type { NodeMetrics } from '../metrics.ts'
import type { CommitteeTracker } from '../network/committees.ts'
import type { MemberIndex } from '../network/member-index.ts'
import type { PeerBook } from '../network/peer-book.ts'
import type { BlobLock } from './blob-lock.ts'
import type { Budget } from './budget.ts'
import type { ConfirmationSigner } from './custody/signer.ts'
import { createEpochDriver, type EpochDriver } from './epochs/driver.ts'
import { createEpochs, type Epochs, type EpochsView } from './epochs/epochs.ts'
import { createShardSource } from './epochs/shard-source.ts'
import { cureByDecoding, type DecodingComponents } from './recovery/by-decoding.ts'
import { createMetadataFinder } from './recovery/find-metadata.ts'
import { cureFromOwners, type FromOwnersComponents } from './recovery/from-owners.ts'
import { createInconsistencies, type Inconsistencies } from './recovery/inconsistencies.ts'
import { createJudge, type Judge } from './recovery/judge.ts'
import { createMissing, type Missing } from './recovery/missing.ts'
import { type OwnShardsInit, ownShardsOnly } from './recovery/own-shards.ts'
import { createPeerPauses } from './recovery/peer-pauses.ts'
import { cureByRebuilding, type RebuildComponents } from './recovery/rebuild.ts'
import { type Cure, createRecovery, type Recovery } from './recovery/recovery.ts'
import { createScrub, type Scrub, type ScrubView } from './recovery/scrub.ts'
import type { BlobRecords } from './store/blob-records.ts'
import { isPaidFor } from './store/blob-state.ts'
import type { MetadataStore } from './store/metadata-store.ts'
import { dropDamaged, dropMissing, type NodeRecords, type ShardRecord } from './store/node-records.ts'
import type { RecordOperation } from './store/records.ts'
import type { ShardedSliverStore } from './store/shard-slivers.ts'
import type { TableRecords } from './store/table-records.ts'
import {
  type BlobTables,
  type BlobTablesComponents,
  createBlobTables,
  type TablesView,
} from './tables/tables.ts'
import { countingPuts, type WorkCounter } from './work.ts'

export interface UpkeepComponents {
  nodeId: ObjectId
  network: Pick<NetworkConfig, 'systemObjectId'>
  nShards: number
  slivers: ShardedSliverStore
  metadata: MetadataStore
  blobs: BlobRecords
  records: NodeRecords
  tables: TableRecords
  /** for so much of what is got back or taken over; throws DiskError while there is none */
  expectRoom: (bytes: number) => Promise<void>
  /** for blobs that memory does not hold, on the store's disk */
  scratch?: DecodingComponents['scratch']
  committees: CommitteeTracker
  members: MemberIndex
  lock: BlobLock
  codec: BlobCodec
  peers: PeerClient
  book: PeerBook
  chain: Pick<ChainReader, 'epochTiming' | 'isKept'>
  /** of the node's wallet; without one the node never speaks to the chain */
  operator: NodeOperator | undefined
  bls: Bls
  signer: Pick<ConfirmationSigner, 'attestInvalid'>
  /** at which stored slivers are looked at; the default's when absent */
  scrubBytesPerSecond?: number
  writeTable?: BlobTablesComponents['writeTable']
  /** of all that is done here */
  budget: Budget
  work: WorkCounter
  metrics: Pick<NodeMetrics, 'liar' | 'tables' | 'scrubFound'>
  clock: Clock
  random: () => number
  log: Log
}

/** What a node says of its upkeep. */
export interface UpkeepView extends EpochsView {
  /** blobs of which slivers are missing here, by reason */
  missing: Readonly<Record<string, number>>
  /** why the chain could not be told something */
  trouble?: string
  /** the same as an error code, for strangers */
  troubleCode?: string
  /** how each shard stands that the node has to do with, and whether slivers of it are missing */
  each: ReadonlyMap<ShardIndex, { state: ShardRecord['state']; lacking: boolean }>
  /** shards that others have now, and this node still hands out */
  lost: readonly { shard: ShardIndex; epoch: Epoch; received: boolean }[]
  /** the newest blob table */
  table: Omit<TablesView, 'lacks'>
  /** how far stored slivers were looked at */
  scrub: ScrubView
  /** the last epoch of which the chain has heard from this process that the node has everything */
  reported?: Epoch
}

/**
 * What keeps a node whole while everything changes: shards are taken over and given up as epochs turn, what is missing is
 * got back, and the chain is told.
 */
export interface Upkeep {
  readonly shards: Pick<ShardSource, 'page'>
  /** The newest epoch whose beginning was heard of. */
  epoch(): Epoch
  /** Whether the blob is handed out: nobody gets what has ended, from the event on, though it may still be stored. */
  isShown(blobId: BlobId): Promise<boolean>
  /** Looks at what others say of blobs that were encoded wrongly. */
  readonly judge: Judge
  readonly snapshots: SnapshotSource
  /** for a chain that does not keep what comes next */
  readonly tables: Pick<BlobTables, 'settle' | 'take'>
  /** What is to be noted in one batch with an event. */
  noted(event: ChainEvent): Promise<RecordOperation[]>
  /** The chain has lost what was read of it. */
  forgotten(): RecordOperation[]
  /** The store has found a sliver of the blob damaged, and does not list it any more. */
  damaged(blobId: BlobId): void
  onEvent(event: ChainEvent): void
  following(): Promise<() => void>
  view(): Promise<UpkeepView>
  start(): Promise<void>
  stop(): Promise<void>
}

/** Blobs that are known to have been encoded wrongly, and peers that said so of others. */
const WRONG_REMEMBERED = 10_000
const NO_WALLET = 'there are blobs that were encoded wrongly, and no wallet to tell the chain'
const NO_TABLE = 'the chain does not keep what comes next, and there is no blob table of enough others'

export function createUpkeep(components: UpkeepComponents): Upkeep {
  const { nodeId, nShards, slivers, blobs, records, committees, lock, work, clock, log } = components
  const networkId = components.network.systemObjectId as ObjectId
  const accuse = accuserOf(components)
  const shards = () => epochs.shards()
  const missing: Missing = createMissing({ nShards, slivers, records, shards, now: () => clock.now() })
  const driver = driverOf(components)
  const reports = reportsBy(driver)
  const { inconsistencies, judge } = createInconsistency({ ...components, accuse })
  const shared = { ...components, accuse, missing, inconsistencies, shards }
  /** the blob of which an event was looked at last: that is written before the blob's lock is free */
  let looked: BlobId | undefined
  /** something was noted as missing with an event, of which nobody else knows yet */
  let lacksSome = false
  const eventWritten = async (): Promise<void> => {
    if (looked !== undefined) await lock.exclusively(looked, async () => undefined)
  }
  const synced = countingPuts(slivers, work, 'synced')
  const onChange = (): void => recovery.wake()
  const epochs = createEpochs({ ...shared, slivers: synced, ...reports, eventWritten, onChange })
  const recovery = createRecovery({
    ...shared,
    findMetadata: createMetadataFinder(shared),
    cures: curesOf({ ...shared, slivers: countingPuts(slivers, work, 'recovered') }),
    onHealed: () => epochs.recovered(),
  })
  const tables = createBlobTables({ ...shared, networkId, jumped: epoch => epochs.jumped(epoch) })
  lookAfterUploads(shared, () => epochs.recovered())
  const epoch = (): Epoch => epochs.view().epoch
  const scrub = scrubOf(components, epoch)
  const { isShown, shown } = paidFor(blobs, epoch)

  return {
    epoch,
    isShown,
    shards: createShardSource({ ...components, shown, committees: () => committees.latest() }),
    judge,
    snapshots: tables.source,
    tables,
    async noted(event) {
      const before = await tables.noted(event)
      if (event.type === 'InvalidBlobID') return [...before, dropMissing(event.blobId)]
      if (event.type !== 'BlobCertified') return [...before, ...epochs.noted(event)]
      looked = event.blobId
      const operations = await missing.certified(event.blobId)
      // once the event is written
      lacksSome ||= operations.length > 0
      return [...before, ...operations]
    },
    forgotten: () => [...epochs.forgotten(), ...tables.forgotten()],
    damaged: blobId => void noteDamage(shared, blobId).then(() => recovery.wake()),
    onEvent(event) {
      epochs.onEvent(event)
      tables.onEvent(event)
      driver?.onEvent(event)
      scrub.onEvent(event)
      if (event.type === 'InvalidBlobID') inconsistencies.told(event.blobId)
      if (event.type !== 'BlobCertified' || !lacksSome) return
      lacksSome = false
      recovery.wake()
    },
    following: () => followingOf(epochs, tables, recovery, driver),
    view: () => viewOf({ epochs, tables, driver, records, scrub, inconsistencies, ...reports }),
    async start() {
      await epochs.start()
      await tables.start()
      await eachDamaged(records, blobId => noteDamage(shared, blobId))
      recovery.start()
      scrub.start()
      inconsistencies.start()
      driver?.start()
    },
    async stop() {
      const parts = [driver, scrub, recovery, inconsistencies, tables, epochs]
      await Promise.all(parts.map(part => part?.stop()))
      log.debug({ nodeId }, 'upkeep has ended')
    },
  }
}

/** Tells the chain, where there is a wallet for it, and remembers what it was told. */
function reportsBy(driver: EpochDriver | undefined) {
  let reported: Epoch | undefined
  return {
    reported: () => reported,
    async attest(epoch: Epoch, signal: AbortSignal): Promise<void> {
      if (driver === undefined) return
      await driver.attest(epoch, signal)
      reported = epoch
    },
  }
}

/** In the order in which they are tried. */
function curesOf(
  components: Pick<UpkeepComponents, 'random'> &
    OwnShardsInit &
    Omit<RebuildComponents & DecodingComponents & FromOwnersComponents, 'pauses'>,
): Cure[] {
  // who has no symbols to give now may have slivers
  const own = { ...components, slivers: ownShardsOnly(components.slivers, components) }
  const fetching = { ...own, pauses: createPeerPauses(components) }
  const recovering = { ...own, pauses: createPeerPauses(components) }
  return [cureFromOwners(fetching), cureByRebuilding(recovering), cureByDecoding(fetching)]
}

/** What is damaged is noted as missing. */
async function noteDamage(
  { lock, missing, log }: UpkeepComponents & { missing: Missing },
  blobId: BlobId,
): Promise<void> {
  // the store's own note, which is there in case that this is cut short
  const besides = [dropDamaged(blobId)]
  try {
    await lock.exclusively(blobId, () => missing.look(blobId, 'damaged', { besides }))
  } catch (error) {
    log.warn({ err: error, blobId }, 'a damaged sliver was not noted')
  }
}

/** An upload may have brought what was missing. */
function lookAfterUploads(
  { lock, records, missing, log }: UpkeepComponents & { missing: Missing },
  onWhole: () => void,
): void {
  lock.onIdle(blobId => {
    lock
      .exclusively(blobId, async () => {
        if ((await records.missingOf(blobId)) === undefined) return
        if ((await missing.look(blobId, 'tail')).length === 0) onWhole()
      })
      .catch(error => log.warn({ err: error, blobId }, 'what is missing of a blob was not looked up'))
  })
}

async function followingOf(
  epochs: Epochs,
  tables: BlobTables,
  recovery: Pick<Recovery, 'wake'>,
  driver: EpochDriver | undefined,
): Promise<() => void> {
  const caughtUp = await epochs.following()
  const lookAgain = driver?.following()
  return () => {
    caughtUp()
    lookAgain?.()
    tables.caughtUp()
    // a table that was taken over has told of blobs of which no event comes
    recovery.wake()
  }
}

/** Notes of damage that are read at a time. */
const SLICE = 1_000

/** What the store has found before it was stopped. */
async function eachDamaged(records: NodeRecords, note: (blobId: BlobId) => Promise<void>): Promise<void> {
  for (let after: BlobId | undefined; ; ) {
    const slice = await records.damaged({ after, limit: SLICE })
    for (const blobId of slice) await note(blobId)
    if (slice.length < SLICE) return
    after = slice.at(-1)
  }
}

async function viewOf({
  epochs,
  tables,
  driver,
  records,
  scrub,
  inconsistencies,
  reported,
}: {
  epochs: Epochs
  tables: BlobTables
  driver: EpochDriver | undefined
  records: NodeRecords
  scrub: Scrub
  inconsistencies: Inconsistencies
  reported: () => Epoch | undefined
}): Promise<UpkeepView> {
  const { reasons, shards: lacking } = await records.missingCounts()
  const { lacks, ...table } = tables.view()
  const isMute = inconsistencies.isMute()
  const each = new Map(
    [...epochs.shards()].map(([shard, { state }]) => [
      shard,
      { state, lacking: lacking[shard] !== undefined },
    ]),
  )
  return {
    ...epochs.view(),
    missing: reasons,
    each,
    scrub: scrub.view(),
    reported: reported(),
    lost: [...epochs.shards()].flatMap(([shard, { state, epoch, received = false }]) =>
      state === 'locked' ? [{ shard, epoch, received }] : [],
    ),
    table,
    trouble: lacks ? NO_TABLE : (driver?.trouble() ?? (isMute ? NO_WALLET : undefined)),
    troubleCode: lacks ? 'NO_SNAPSHOT' : (driver?.troubleCode() ?? (isMute ? 'NO_WALLET' : undefined)),
  }
}

/** What finds blobs that were encoded wrongly, and what others are answered who have: both know what either has seen. */
function createInconsistency(components: UpkeepComponents & Pick<RebuildComponents, 'accuse'>) {
  const wrong = new LruMap<BlobId, true>(WRONG_REMEMBERED)
  const liars = new LruMap<string, true>(WRONG_REMEMBERED)
  const shared = { ...components, wrong, liars }
  return {
    inconsistencies: createInconsistencies(shared),
    judge: createJudge({ ...shared, committees: () => components.committees.latest() }),
  }
}

function scrubOf(components: UpkeepComponents, epoch: () => Epoch): Scrub {
  const { scrubBytesPerSecond: bytesPerSecond, work, metrics } = components
  const scrubbed = (slivers: number, bytes: number, bad: number): void => {
    work.count('scrubbed', slivers, bytes)
    if (bad > 0) metrics.scrubFound(bad)
  }
  return createScrub({ ...components, epoch, bytesPerSecond, scrubbed })
}

function driverOf({ operator, chain, clock, random, log }: UpkeepComponents): EpochDriver | undefined {
  return operator && createEpochDriver({ chain, operator, clock, random, log })
}

/** One who sent what the metadata refutes is named, counted and asked last. */
function accuserOf({ book, metrics, log }: UpkeepComponents) {
  return (member: CommitteeMember, what: string, details: object): void => {
    log.warn({ nodeId: member.nodeId, name: member.name, what, ...details }, 'peer sent something wrong')
    metrics.liar(member.nodeId, what)
    book.failed(member)
  }
}

/** What is handed out now: of one blob, or of many. */
function paidFor(blobs: Pick<BlobRecords, 'get' | 'getMany'>, epoch: () => Epoch) {
  return {
    isShown: async (blobId: BlobId): Promise<boolean> => isPaidFor(await blobs.get(blobId), epoch()),
    async shown(blobIds: readonly BlobId[]): Promise<BlobId[]> {
      const states = await blobs.getMany(blobIds)
      return blobIds.filter((_, i) => isPaidFor(states[i], epoch()))
    },
  }
}
