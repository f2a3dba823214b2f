import { sliverLength } from '../../../../codec/index.ts'
import type { BlobId, BlobMetadata } from '../../../../codec/types.ts'
import { blobIdOfSliver, refOfSliverKey, SLIVER_PREFIX } from '../keys.ts'
import { isInline, isIntact, parsePlace } from '../locations.ts'
import { fileSizes, isWithin } from '../repair-packs.ts'
import type { Checking } from './check-store.ts'
import { isRefuted } from './is-refuted.ts'
import type { Mender } from './mender.ts'
import { type Finding, nameSliver } from './report.ts'

/** Looks at each sliver's record: whether the file is long enough, and the blob's metadata are there and say so. */
export async function checkRecords(checking: Checking, mender: Mender | undefined): Promise<void> {
  const { path, records, findings, metadataOf, nShards, signal } = checking
  const sizeOf = fileSizes(path)
  let blob: BlobId | undefined
  let metadata: BlobMetadata | undefined
  for await (const { key, value } of records.list(SLIVER_PREFIX)) {
    signal?.throwIfAborted()
    const blobId = blobIdOfSliver(key)
    if (blobId !== blob) {
      blob = blobId
      metadata = await metadataOf(blobId)
      if (metadata === undefined) {
        findings.add('metadata', blobId)
        await mender?.lacksMetadata(blobId)
      }
    }
    const location = parsePlace(value)
    const lengthOf = (known: BlobMetadata): number =>
      sliverLength(nShards, known.unencodedLength, refOfSliverKey(key).axis)
    let finding: Finding | undefined
    if (location === undefined) finding = 'record'
    else if (!isInline(location) && !isWithin(location, await sizeOf(location.file))) finding = 'lost'
    else if (metadata !== undefined && lengthOf(metadata) !== location.length) finding = 'refuted'
    else if (isInline(location)) {
      checking.onRead(location.length)
      if (!isIntact(location)) finding = 'altered'
      else if (await isRefuted(checking, key, location.bytes)) finding = 'refuted'
    }
    if (finding === undefined) continue
    findings.add(finding, nameSliver(key))
    await mender?.drop({ key, from: location })
  }
  await mender?.flush()
}
