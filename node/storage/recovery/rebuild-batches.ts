import type { Committees } from '../../../chain/types/index.ts'
import { encodingParams, shardOfPair, symbolSize } from '../../../codec/index.ts'
import type { Axis, Epoch, ObjectId, ShardIndex } from '../../../codec/types.ts'
import { MAX_RECOVERED } from '../../../protocols/index.ts'
import type { Urgency } from '../budget.ts'
import type { ShardedSliverStore } from '../store/shard-slivers.ts'
import type { Patient } from './recovery.ts'

/** Lost slivers of one axis, of blobs that have lost those of the same shards: what is in memory at a time. */
export interface Batch {
  epoch: Epoch
  axis: Axis
  targets: ShardIndex[]
  patients: Patient[]
  urgency: Urgency
}

/** Symbols of one batch, without their paths. */
export const BATCH_BYTES = 16 * 1024 * 1024

/** Sources that a sliver of an axis needs: as many as it has symbols. */
export function sourcesNeeded(nShards: number, axis: Axis): number {
  const { primarySymbols, secondarySymbols } = encodingParams(nShards)
  return axis === 'primary' ? secondarySymbols : primarySymbols
}

export interface BatchesInit {
  nShards: number
  nodeId: ObjectId
  slivers: Pick<ShardedSliverStore, 'list'>
}

/** What patients lack of an axis, in batches of bounded size, be the blob as large and the shards as many as they may. */
export async function batchesOf(
  { nShards, nodeId, slivers }: BatchesInit,
  patients: readonly Patient[],
  axis: Axis,
  { current, next }: Committees,
): Promise<Batch[]> {
  const shardsIn = (committee: typeof next): ReadonlySet<ShardIndex> =>
    new Set(committee?.members.find(member => member.nodeId === nodeId)?.shards)
  const epochs = [current, next].flatMap(one => (one ? [{ epoch: one.epoch, mine: shardsIn(one) }] : []))
  const batches = new Map<string, Batch[]>()
  for (const patient of patients) {
    const { blobId, metadata, urgency } = patient
    const has = new Set<ShardIndex>()
    for (const ref of await slivers.list(blobId))
      if (ref.axis === axis) has.add(shardOfPair(ref.pair, blobId, nShards))
    const lost = patient.shards.filter(shard => !has.has(shard)).sort((a, b) => a - b)
    const each = sourcesNeeded(nShards, axis) * symbolSize(nShards, metadata.unencodedLength)
    const most = Math.min(MAX_RECOVERED, Math.max(1, Math.floor(BATCH_BYTES / each)))
    for (const { epoch, mine } of epochs) {
      const own = lost.filter(
        shard => mine.has(shard) && (epoch === current.epoch || !epochs[0]!.mine.has(shard)),
      )
      for (let at = 0; at < own.length; at += most) {
        const targets = own.slice(at, at + most)
        const key = `${urgency} ${epoch} ${targets.join()}`
        const list = batches.get(key) ?? []
        batches.set(key, list)
        const last = list.at(-1)
        const fits = last !== undefined && last.patients.length < MAX_RECOVERED
        if (fits && bytesOf(last, nShards) + each * targets.length <= BATCH_BYTES) last.patients.push(patient)
        else list.push({ epoch, axis, targets, patients: [patient], urgency })
      }
    }
  }
  return [...batches.values()].flat()
}

/** What its symbols come to. */
export function bytesOf({ axis, targets, patients }: Batch, nShards: number): number {
  const sizes = patients.map(({ metadata }) => symbolSize(nShards, metadata.unencodedLength))
  return sourcesNeeded(nShards, axis) * targets.length * sizes.reduce((a, b) => a + b, 0)
}
