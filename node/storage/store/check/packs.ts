import { join } from 'node:path'
import { packKey, pendingKey, SLIVER_PREFIX } from '../keys.ts'
import { parseLocation } from '../locations.ts'
import { neededIn } from '../needed-in.ts'
import { isUnaltered, readEach } from '../pack-file.ts'
import { countOf } from '../pack-index.ts'
import { shardOfPack } from '../pack-name.ts'
import { fileSizes, hasHead, isPack, isWithin, packFiles } from '../repair-packs.ts'
import type { Checking } from './check-store.ts'
import { isRefuted } from './is-refuted.ts'
import type { Mender } from './mender.ts'
import { type Finding, nameSliver } from './report.ts'

/** Reads all packs, one after the other, in the order in which they lie; says how many there are. */
export async function checkPacks(checking: Checking, mender: Mender | undefined): Promise<number> {
  const { path, records, findings, signal } = checking
  /** of many blobs: heads in them do not tell of all that is needed */
  const headless = new Set<string>()
  let packs = 0
  for await (const file of packFiles(path)) {
    signal?.throwIfAborted()
    // what the next start of the node removes
    if (await records.has(pendingKey(file))) continue
    packs++
    const needed = isPack(file) ? await checkPack(checking, mender, file) : 0
    const counted = countOf(await records.get(packKey(file)))?.slivers ?? 0
    if (needed < counted && shardOfPack(file) !== undefined) headless.add(file)
    if (needed > 0 || counted > 0) continue
    findings.add('stray', file)
    await mender?.takeIn(file)
  }
  if (headless.size > 0) await checkHeadless(checking, mender, headless)
  await mender?.flush()
  return packs
}

/** How many slivers are needed of it, bad ones among them. */
async function checkPack(checking: Checking, mender: Mender | undefined, file: string): Promise<number> {
  const { findings, signal, onRead } = checking
  const sizeOf = fileSizes(checking.path)
  const needed = await neededIn(checking, file)
  const locations = needed.map(([, location]) => location)
  for await (const [i, bytes] of readEach(join(checking.path, file), locations)) {
    signal?.throwIfAborted()
    const [key, location] = needed[i]!
    // was found by its record
    if (!isWithin(location, await sizeOf(file))) continue
    onRead(location.length)
    const finding: Finding | undefined =
      bytes === undefined ? 'altered' : (await isRefuted(checking, key, bytes)) ? 'refuted' : undefined
    if (finding === undefined) continue
    findings.add(finding, nameSliver(key))
    await mender?.drop({ key, from: location })
  }
  return needed.length
}

/** Slivers whose heads are damaged may be right all the same. */
async function checkHeadless(
  { path, records, findings, signal, onRead }: Checking,
  mender: Mender | undefined,
  files: ReadonlySet<string>,
): Promise<void> {
  const sizeOf = fileSizes(path)
  for await (const { key, value } of records.list(SLIVER_PREFIX)) {
    signal?.throwIfAborted()
    const location = parseLocation(value)
    if (location === undefined || !files.has(location.file)) continue
    if (!isWithin(location, await sizeOf(location.file)) || (await hasHead(path, location, key))) continue
    onRead(location.length)
    if (await isUnaltered(join(path, location.file), location, signal)) continue
    findings.add('altered', nameSliver(key))
    await mender?.drop({ key, from: location })
  }
}
