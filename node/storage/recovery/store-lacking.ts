import type { SliverRef } from '../../../codec/types.ts'
import type { NewSliver, ShardedSliverStore } from '../store/shard-slivers.ts'
import { sliversOfShard } from './missing.ts'
import type { Patient } from './recovery.ts'

interface StoreLackingComponents {
  nShards: number
  slivers: Pick<ShardedSliverStore, 'list' | 'putMany'>
}

/** What is written together, at least, and one sliver more at most. */
const STORED_BYTES = 16 * 1024 * 1024

/** Slivers of the patient's shards that are not stored. */
export async function lackingSlivers(
  { slivers, nShards }: StoreLackingComponents,
  { blobId, shards }: Patient,
): Promise<SliverRef[]> {
  const has = new Set((await slivers.list(blobId)).map(({ axis, pair }) => `${axis}/${pair}`))
  return shards
    .flatMap(shard => sliversOfShard(shard, blobId, nShards))
    .filter(({ axis, pair }) => !has.has(`${axis}/${pair}`))
}

/** Stores them, of a blob that is at hand as a whole. */
export async function storeLacking(
  components: StoreLackingComponents,
  patient: Patient,
  sliver: (ref: SliverRef) => Promise<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const { blobId } = patient
  let batch: NewSliver[] = []
  let held = 0
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await components.slivers.putMany(batch, { signal })
    batch = []
    held = 0
  }
  for (const ref of await lackingSlivers(components, patient)) {
    const bytes = await sliver(ref)
    batch.push({ blobId, ref, bytes })
    held += bytes.length
    if (held >= STORED_BYTES) await flush()
  }
  await flush()
}
