import type { StoreResult } from '../../client/types.ts'
import { formatBytes, formatRows, formatWal, type SafeText, safe } from '../text.ts'

/** What storing came to, for people. */
export function describeStored(name: string, size: number, result: StoreResult): SafeText {
  const head = safe`${name}, ${formatBytes(size)}`
  if (result.kind === 'alreadyCertified') {
    const { blobId, objectId, event, endEpoch } = result
    const rows: [string, string][] = [['blob ID', blobId]]
    if (objectId !== undefined) rows.push(['object', objectId])
    else if (event !== undefined) rows.push(['certified by', `transaction ${event.txDigest}`])
    rows.push(['until', `epoch ${endEpoch}`])
    return safe`${head}: is stored already, nothing was paid\n${formatRows(rows)}`
  }
  const { blob, costFrost, encodedLength, sharedBlob } = result
  return safe`${head}: stored\n${formatRows([
    ['blob ID', blob.blobId],
    sharedBlob === undefined ? ['object', blob.objectId] : ['shared blob', sharedBlob],
    ['until', `epoch ${blob.storage.endEpoch}, ${blob.deletable ? 'deletable before' : 'permanent'}`],
    ['cost', `${formatWal(costFrost)} for ${formatBytes(encodedLength)} encoded`],
  ])}`
}
