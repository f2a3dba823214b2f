import { blobHex, blobIdOfSliver, SLIVER_PREFIX } from './keys.ts'
import { type InlineSliver, isInline, isIntact, parsePlace } from './locations.ts'
import type { Records } from './records.ts'
import type { ScrubbedFile, ScrubOptions } from './shard-slivers.ts'

/** Records that are read at a time. */
const SLICE = 100
/** Behind the names of all packs. */
const PREFIX = 'index/'

export interface IndexScrubberInit {
  records: Pick<Records, 'keys' | 'getMany'>
  /** A sliver is not what was stored. False when the record is another one by now. */
  damaged(key: string, sliver: InlineSliver): Promise<boolean>
}

/** Compares the slivers that lie in the index with what was stored; those of one blob count as a file. */
export async function* scrubIndex(
  init: IndexScrubberInit,
  options: ScrubOptions,
): AsyncIterable<ScrubbedFile> {
  let found: ScrubbedFile | undefined
  for await (const [key, sliver] of inlineSlivers(init.records, options)) {
    const file = PREFIX + blobHex(blobIdOfSliver(key))
    if (found !== undefined && found.file !== file) {
      yield found
      found = undefined
    }
    const { slivers, bytes, bad } = found ?? { slivers: 0, bytes: 0, bad: 0 }
    await options.pace(sliver.length)
    options.signal.throwIfAborted()
    const isBad = !isIntact(sliver) && (await init.damaged(key, sliver))
    found = {
      file,
      slivers: slivers + 1,
      bytes: bytes + sliver.length,
      bad: bad + Number(isBad),
      untold: false,
    }
  }
  if (found !== undefined) yield found
}

/** In slices: who goes slowly must not hold the index open all the while, which may have to be opened anew. */
async function* inlineSlivers(
  records: IndexScrubberInit['records'],
  { after, pace, signal }: ScrubOptions,
): AsyncIterable<[string, InlineSliver]> {
  let last = after?.startsWith(PREFIX) ? `${SLIVER_PREFIX}${after.slice(PREFIX.length)}/\x7f` : undefined
  for (;;) {
    signal.throwIfAborted()
    const keys: string[] = []
    for await (const key of records.keys(SLIVER_PREFIX, { after: last, limit: SLICE })) keys.push(key)
    const values = await records.getMany(keys)
    let isNone = true
    for (const [i, key] of keys.entries()) {
      const place = values[i] && parsePlace(values[i])
      if (place === undefined || !isInline(place)) continue
      isNone = false
      yield [key, place]
    }
    if (keys.length < SLICE) return
    if (isNone) await pace(0)
    last = keys.at(-1)
  }
}
