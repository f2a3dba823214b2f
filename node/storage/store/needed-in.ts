import { join } from 'node:path'
import { sliverKey } from './keys.ts'
import { locationsOf, parseLocation } from './locations.ts'
import { isMissing, isUnreadable, type SliverLocation } from './pack-file.ts'
import { framesIn } from './pack-frame.ts'
import { blobOfPack } from './pack-name.ts'
import type { Records } from './records.ts'

export interface NeededInit {
  /** folder of the slivers */
  path: string
  records: Records
}

/** Records that are looked at at a time. */
const SLICE = 500

/** What is needed of a pack, as far as it tells: keys and locations, in the order of the file for one of many blobs. */
export async function neededIn(
  { path, records }: NeededInit,
  file: string,
): Promise<[string, SliverLocation][]> {
  const blobId = blobOfPack(file)
  if (blobId !== undefined)
    return [...(await locationsOf(records, blobId))].filter(([, location]) => location.file === file)
  const needed: [string, SliverLocation][] = []
  let keys: string[] = []
  const look = async (): Promise<void> => {
    const found = await records.getMany(keys)
    for (const [i, key] of keys.entries()) {
      const location = found[i] && parseLocation(found[i])
      if (location?.file === file) needed.push([key, location])
    }
    keys = []
  }
  try {
    for await (const { blobId, ref } of framesIn(join(path, file))) {
      keys.push(sliverKey(blobId, ref))
      if (keys.length >= SLICE) await look()
    }
  } catch (error) {
    // gone meanwhile, with the last sliver in it; or it tells no more from there on
    if (!isMissing(error) && !isUnreadable(error)) throw error
  }
  await look()
  return needed
}
