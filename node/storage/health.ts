import type { Clock } from '../../base/clock.ts'
import type { FollowProgress } from '../../chain/types/index.ts'
import type { BandwidthView } from '../../protocols/index.ts'
import type { NodeInfo, StatusSource } from '../../protocols/ports.ts'
import { createShared } from '../http/shared.ts'
import type { BudgetView } from './budget.ts'
import type { ChallengesView } from './challenge/challenges.ts'
import type { NodeState } from './store/node-records.ts'
import type { DiskView } from './store/room.ts'
import type { UpkeepView } from './upkeep.ts'
import type { WorkCounter } from './work.ts'

export interface HealthComponents {
  status: Pick<StatusSource, 'nodeInfo'>
  upkeep: () => Promise<UpkeepView>
  work: Pick<WorkCounter, 'view'>
  budget: () => BudgetView
  /** peers that are asked last for now */
  backingOff: () => number
  /** with which it signs now; 48 bytes */
  blsPublicKey: () => Uint8Array
  /** events that were applied since the start */
  appliedEvents: () => number
  /** how far the chain was followed; undefined before anything was heard of it */
  followed: () => Readonly<FollowProgress> | undefined
  disk: () => Promise<DiskView>
  /** not told when absent */
  bandwidth?: (() => BandwidthView) | undefined
  /** not told when absent */
  challenge?: (() => ChallengesView) | undefined
  clock: Clock
}

/** How a node is, as Walrus's tools read it from `/v1/health`, and what else Floe tells. For strangers: nothing internal. */
export type HealthSource = (options: { detailed: boolean; signal: AbortSignal }) => Promise<object>

/** What is missing is counted at most so often, whoever asks. */
const FRESH_MS = 1_000

export function createHealth(components: HealthComponents): HealthSource {
  const { status, upkeep, work, budget, backingOff, blsPublicKey } = components
  const { appliedEvents, followed, disk, bandwidth, challenge, clock } = components
  const startMs = clock.monotonic()
  // how far the chain was heard comes first: of all until then is told what is missing
  const lookNow = () => Promise.all([followed(), status.nodeInfo(), upkeep(), disk()])
  const look = createShared(clock, lookNow, FRESH_MS)
  return async ({ detailed, signal }) => {
    const [heard, info, view, room] = await look(signal)
    const { nodeId, network, version, epoch, shards, storedBlobs, storedBytes } = info
    const { state, missing, troubleCode, reported } = view
    const { checkpoint, isTip = false } = heard ?? {}
    const all = shardsOf(info, view)
    const count = (status: ShardStatus) => all.owned.filter(shard => shard.status === status).length
    return {
      uptime: durationOf(clock.monotonic() - startMs),
      epoch,
      publicKey: Buffer.from(blsPublicKey()).toString('base64'),
      // what it has not heard of it does not miss
      nodeStatus: isTip ? STATUS[state](view) : 'RecoveryCatchUp',
      eventProgress: { persisted: appliedEvents(), pending: 0, highestFinishedEventIndex: null },
      shardSummary: {
        owned: shards.length,
        ownedShardStatus: {
          unknown: count('unknown'),
          ready: count('ready'),
          inTransfer: count('inTransfer'),
          inRecovery: count('inRecovery'),
        },
        readOnly: all.other.filter(shard => shard.status === 'readOnly').length,
      },
      shardDetail: detailed ? all : undefined,
      lostShards: detailed ? view.lost : undefined,
      // Floe's own
      nodeId,
      network,
      version,
      state,
      stateEpoch: view.epoch,
      shards: view.shards,
      missing,
      reportedEpoch: reported ?? null,
      followed: { checkpoint: checkpoint === undefined ? null : Number(checkpoint), isTip },
      table: view.table,
      disk: room,
      bandwidth: bandwidth?.(),
      challenge: challenge?.(),
      trouble: troubleCode,
      storedBlobs,
      storedBytes,
      // since the start of the process
      work: work.view(),
      budget: budget(),
      scrub: view.scrub,
      peersBackingOff: backingOff(),
    }
  }
}

/** Walrus's words. */
const STATUS: Readonly<Record<NodeState['state'], (view: UpkeepView) => string>> = {
  standby: () => 'Standby',
  'catching-up': () => 'RecoveryCatchUp',
  recovering: ({ epoch }) => `RecoveryInProgress (${epoch})`,
  active: () => 'Active',
}

type ShardStatus = 'unknown' | 'ready' | 'inTransfer' | 'inRecovery' | 'readOnly'

interface ShardHealth {
  shard: number
  status: ShardStatus
}

/** The node's shards in this epoch, and others that it has to do with. */
function shardsOf(
  { shards }: NodeInfo,
  { each }: UpkeepView,
): { owned: ShardHealth[]; other: ShardHealth[] } {
  const statusOf = (shard: number): ShardStatus => {
    const one = each.get(shard as (typeof shards)[number])
    if (one === undefined) return 'unknown'
    if (one.state === 'gaining') return 'inTransfer'
    if (one.state === 'locked') return 'readOnly'
    return one.lacking ? 'inRecovery' : 'ready'
  }
  const healthOf = (shard: number): ShardHealth => ({ shard, status: statusOf(shard) })
  const own = new Set<number>(shards)
  const others = [...each.keys()].filter(shard => !own.has(shard))
  return { owned: shards.map(healthOf), other: others.sort((a, b) => a - b).map(healthOf) }
}

/** As Rust's serde writes a Duration. */
function durationOf(ms: number): { secs: number; nanos: number } {
  return { secs: Math.floor(ms / 1000), nanos: Math.floor(ms % 1000) * 1_000_000 }
}
