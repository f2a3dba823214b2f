import type { NetworkBlobStatus } from '../../client/types.ts'
import { type Context, type NetworkOptions, withClient } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { formatBytes, formatRows } from '../format.ts'
import { shown } from '../shown.ts'
import { blobIdArgument } from './arguments.ts'

const SENTENCES: Record<NetworkBlobStatus['status'], string> = {
  certified: 'stored and certified',
  registered: 'registered, not certified: its upload has not finished',
  invalid: 'invalid: it was encoded wrongly, and the network refuses it',
  nonexistent: 'unknown to this network',
}

/** Asks the nodes what they know of a blob. A blob that does not exist is exit code 4, an invalid one 7. */
export async function status(
  context: Context,
  blobIdText: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  const blobId = blobIdArgument(blobIdText)
  const { signal } = context
  const found = await withClient(context, { ...options, spends: false }, client =>
    client.status(blobId, { signal }),
  )
  const rows: [string, string | number][] = [['status', SENTENCES[found.status]]]
  if (found.size !== undefined) rows.push(['size', formatBytes(found.size)])
  if (found.initialCertifiedEpoch !== undefined) rows.push(['since', `epoch ${found.initialCertifiedEpoch}`])
  if (found.endEpoch !== undefined) {
    const kind = found.deletable === undefined ? '' : found.deletable ? ', deletable before' : ', permanent'
    rows.push(['until', `epoch ${found.endEpoch}${kind}`])
  }
  rows.push(['told by', `nodes with ${found.answeredShards} of ${found.nShards} shards`])
  await context.output.result(found, shown`${blobId}\n${formatRows(rows)}`)
  if (found.status === 'nonexistent') return EXIT.notFound
  return found.status === 'invalid' ? EXIT.integrity : EXIT.ok
}
