import type { Committees } from '../../../chain/types/index.ts'
import { type Codec, encodingParams, type SliverBytes } from '../../../codec/index.ts'
import type { SliverPairIndex, SliverRef } from '../../../codec/types.ts'
import type { ShardedSliverStore } from '../store/shard-slivers.ts'
import type { Decoded } from './by-decoding.ts'
import { type GatherPrimariesComponents, gatherPrimaries } from './gather-primaries.ts'
import { accusationOfDecoded } from './prove-inconsistency.ts'
import type { Patient } from './recovery.ts'
import { storeLacking } from './store-lacking.ts'

export interface InMemoryComponents extends GatherPrimariesComponents {
  codec: Pick<Codec, 'verifySlivers' | 'decode' | 'encode' | 'recoverySymbols' | 'proveInconsistency'>
  slivers: Pick<ShardedSliverStore, 'list' | 'get' | 'putMany'>
}

/** Decodes a blob that memory holds, encodes it anew, and stores what the patient lacks. Rejects with the signal's reason. */
export async function decodeInMemory(
  components: InMemoryComponents,
  patient: Patient,
  committees: Committees,
  signal: AbortSignal,
): Promise<Decoded> {
  const { codec, slivers, nShards } = components
  const { metadata } = patient
  const found = new Map<SliverPairIndex, SliverBytes>()
  const sink = {
    pairs: found,
    async put(sliver: SliverBytes) {
      found.set(sliver.ref.pair, sliver)
    },
  }
  const heldBytes = Number.POSITIVE_INFINITY
  if (!(await gatherPrimaries(components, patient, committees, { sink, heldBytes, signal }))) return 'lacking'
  const primaries = [...found.values()]
  const data = await codec.decode({ metadata, slivers: primaries, verify: false, signal })
  using blob = await codec.encode(data, nShards, { signal })
  if (blob.metadata.blobId === metadata.blobId) {
    await storeLacking({ slivers, nShards }, patient, async ref => blob.sliver(ref), signal)
    return 'stored'
  }
  const evidence = {
    metadata,
    encoded: blob.metadata,
    primaries,
    secondaries: () => firstSecondaries(nShards).map(ref => ({ ref, bytes: blob.view(ref) })),
  }
  return { accusation: await accusationOfDecoded(codec, evidence, signal) }
}

/** As many as recover a primary one. */
export function firstSecondaries(nShards: number): SliverRef[] {
  const { secondarySymbols: length } = encodingParams(nShards)
  return Array.from({ length }, (_, pair) => ({ pair: pair as SliverPairIndex, axis: 'secondary' }))
}
