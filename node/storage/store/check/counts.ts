import { METADATA_PREFIX, PACK_PREFIX, packKey, SLIVER_PREFIX } from '../keys.ts'
import { parsePlace } from '../locations.ts'
import { countOf, countPacks, recountPacks } from '../pack-index.ts'
import { commitInSlices } from '../records.ts'
import { openUsage, recountUsage, type StoreUsage } from '../usage-counter.ts'
import type { Checking } from './check-store.ts'

/** Compares what is counted with what there is. Repaired before slivers are dropped: a pack goes with its last one. */
export async function checkCounts({ records, findings, repairs, signal }: Checking): Promise<StoreUsage> {
  let counted = 0
  for await (const [file, count] of countPacks(records)) {
    signal?.throwIfAborted()
    const noted = countOf(await records.get(packKey(file)))
    const isRight = noted?.slivers === count.slivers && noted.bytes === count.bytes
    if (!isRight) findings.add('count', file)
    if (noted !== undefined) counted++
  }
  let noted = 0
  for await (const key of records.keys(PACK_PREFIX))
    if (countOf(await records.get(key)) !== undefined) noted++
  // of packs in which nothing is needed
  if (noted !== counted) findings.add('count', undefined, noted - counted)

  const usage: StoreUsage = { blobs: 0, slivers: 0, bytes: 0 }
  for await (const _ of records.keys(METADATA_PREFIX)) usage.blobs++
  for await (const { value } of records.list(SLIVER_PREFIX)) {
    signal?.throwIfAborted()
    usage.slivers++
    usage.bytes += parsePlace(value)?.length ?? 0
  }
  const known = (await openUsage(records)).get()
  const isKnown =
    known.blobs === usage.blobs && known.slivers === usage.slivers && known.bytes === usage.bytes
  if (!isKnown) findings.add('usage')
  if (repairs && findings.has('count')) await commitInSlices(records, recountPacks(records))
  if (repairs && findings.has('usage')) await commitInSlices(records, recountUsage(records))
  return usage
}
