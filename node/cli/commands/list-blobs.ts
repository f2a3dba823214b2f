import { blobObjectJson } from '../../gateway/walrus-json.ts'
import { type Context, type NetworkOptions, withChain } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { formatBytes, formatTable, plural } from '../format.ts'
import { lines, shown } from '../shown.ts'
import { parseAddress } from '../wallet-file.ts'

export interface ListBlobsOptions extends NetworkOptions {
  owner?: string
  includeExpired?: boolean
}

/** Lists the Blob objects of the wallet, or of another owner; those that end first come first. */
export async function listBlobs(context: Context, options: ListBlobsOptions): Promise<ExitCode> {
  await withChain(context, options, async ({ coordinator, wallet, signal }) => {
    const owner = options.owner === undefined ? (await wallet()).address : parseAddress(options.owner)
    const [{ epoch }, owned] = await Promise.all([
      coordinator.system({ signal }),
      coordinator.ownedBlobs(owner, { signal }),
    ])
    const blobs = owned
      .filter(({ storage }) => options.includeExpired === true || storage.endEpoch > epoch)
      .toSorted((a, b) => a.storage.endEpoch - b.storage.endEpoch)
    const hidden = owned.length - blobs.length
    const rows = blobs.map(blob => [
      blob.blobId,
      formatBytes(blob.size),
      blob.certifiedEpoch === undefined ? 'registered' : 'certified',
      blob.deletable ? 'deletable' : 'permanent',
      `${blob.storage.endEpoch <= epoch ? 'expired at ' : ''}epoch ${blob.storage.endEpoch}`,
      blob.objectId,
    ])
    const head = ['blob ID', 'size', 'state', 'kind', 'until', 'object']
    const text = [
      rows.length === 0 ? shown`${owner} owns no blobs.` : shown`${plural(rows.length, 'blob')} of ${owner}`,
      ...(rows.length === 0 ? [] : [formatTable(head, rows)]),
      ...(hidden === 0 ? [] : [shown`${plural(hidden, 'expired blob')} not shown: --include-expired`]),
    ]
    const value = { owner, epoch, blobs: blobs.map(blobObjectJson), hiddenExpired: hidden }
    await context.output.result(value, lines(text))
  })
  return EXIT.ok
}
