import { join } from 'node:path'
import { PACK_PREFIX, packKey, SLIVER_PREFIX } from './keys.ts'
import { parseLocation } from './locations.ts'
import { type NeededInit, neededIn } from './needed-in.ts'
import { checkEach, type SliverLocation } from './pack-file.ts'
import { countOf } from './pack-index.ts'
import type { Records } from './records.ts'
import type { ScrubbedFile, ScrubOptions } from './shard-slivers.ts'

/** Packs whose names are read at a time. */
const SLICE = 100

export interface PackScrubberInit extends NeededInit {
  /** A sliver is not what its record says. False when the record is another one by now. */
  damaged(key: string, location: SliverLocation): Promise<boolean>
}

/**
 * Compares the stored slivers with the hashes in their records: pack by pack in the order of their names, in each as they lie
 * in it. A pack of which the records know more than it tells itself is noted as `untold`.
 */
export async function* scrubPacks(
  init: PackScrubberInit,
  { after, pace, signal }: ScrubOptions,
): AsyncIterable<ScrubbedFile> {
  for await (const key of packsBehind(init.records, after)) {
    const file = key.slice(PACK_PREFIX.length)
    const expected = countOf(await init.records.get(key))?.slivers ?? 0
    const needed = await neededIn(init, file)
    const result = await check(init, file, needed, { pace, signal })
    // what was dropped or moved meanwhile is not missed
    const now = countOf(await init.records.get(key))?.slivers ?? 0
    yield { file, ...result, untold: needed.length < Math.min(expected, now + result.bad) }
  }
}

/** In slices: who goes slowly must not hold the index open all the while, which may have to be opened anew. */
async function* packsBehind(records: Records, after: string | undefined): AsyncIterable<string> {
  for (let last = after === undefined ? undefined : packKey(after); ; ) {
    const keys: string[] = []
    for await (const key of records.keys(PACK_PREFIX, { after: last, limit: SLICE })) keys.push(key)
    yield* keys
    if (keys.length < SLICE) return
    last = keys.at(-1)
  }
}

/** The same for packs that do not tell what is in them, by all records there are. */
export async function* scrubUntold(
  init: PackScrubberInit,
  files: ReadonlySet<string>,
  { pace, signal }: Omit<ScrubOptions, 'after'>,
): AsyncIterable<ScrubbedFile> {
  const needed = new Map<string, [string, SliverLocation][]>()
  for await (const { key, value } of init.records.list(SLIVER_PREFIX)) {
    signal.throwIfAborted()
    const location = parseLocation(value)
    if (location === undefined || !files.has(location.file)) continue
    const list = needed.get(location.file) ?? []
    needed.set(location.file, list)
    list.push([key, location])
  }
  for (const [file, list] of needed)
    yield { file, ...(await check(init, file, list, { pace, signal })), untold: false }
}

async function check(
  { path, damaged }: PackScrubberInit,
  file: string,
  needed: readonly [string, SliverLocation][],
  { pace, signal }: Omit<ScrubOptions, 'after'>,
): Promise<Pick<ScrubbedFile, 'slivers' | 'bytes' | 'bad'>> {
  const inOrder = needed.toSorted(([, a], [, b]) => a.offset - b.offset)
  const locations = inOrder.map(([, location]) => location)
  let [bytes, bad] = [0, 0]
  for await (const [i, isRight] of checkEach(join(path, file), locations, { pace, signal })) {
    bytes += locations[i]!.length
    if (!isRight && (await damaged(...inOrder[i]!))) bad++
  }
  return { slivers: needed.length, bytes, bad }
}
