import type { BlobId, SliverPairIndex } from '../../codec/types.ts'
import type { ShardSource, SliverStore, StatusSource } from '../ports.ts'
import { openSliver, sendSliver } from '../rpc/send-sliver.ts'
import { type RequestHandler, respond, type ServedRequest } from '../rpc/served-request.ts'
import { ShardSyncAnswer, ShardSyncRequest } from './messages.ts'

export interface ShardSyncPorts {
  shards: ShardSource
  slivers: Pick<SliverStore, 'open'>
  status: Pick<StatusSource, 'metadata'>
}

export function shardSyncHandler({ shards, slivers, status }: ShardSyncPorts): RequestHandler {
  return async (bytes, served) => {
    const query = ShardSyncRequest.decode(bytes)
    const { peer, signal, quota } = served
    served.note({ shard: query.shard, epoch: query.epoch })
    const page = await shards.page(query, { peer, signal, quota })
    let sent = 0
    let complete = true
    for (const { blobId, pair } of page.blobs) {
      if (sent >= query.maxBytes) {
        complete = false
        break
      }
      sent += await sendBlob(served, { slivers, status }, blobId, pair, query.metadata)
    }
    served.note({ blobs: page.blobs.length })
    await respond(served, ShardSyncAnswer, { PageEnd: { whole: complete && page.end } })
  }
}

/** Returns the bytes of slivers that were sent. */
async function sendBlob(
  served: ServedRequest,
  { slivers, status }: Omit<ShardSyncPorts, 'shards'>,
  blobId: BlobId,
  pair: SliverPairIndex,
  withMetadata: boolean,
): Promise<number> {
  const { signal, quota } = served
  const metadata = withMetadata ? ((await status.metadata(blobId, { signal })) ?? null) : null
  if (metadata !== null) await quota.pace(metadata.hashes.length, signal)
  // a piece is what a stream holds, whatever the sliver's size and however slowly it is taken
  const release = await quota.piece(signal)
  try {
    const primary = await openSliver(slivers, blobId, { pair, axis: 'primary' }, served)
    const secondary = await openSliver(slivers, blobId, { pair, axis: 'secondary' }, served)
    const lengths = { primary: primary?.length ?? null, secondary: secondary?.length ?? null }
    const bytes = (lengths.primary ?? 0) + (lengths.secondary ?? 0)
    served.expect('out', bytes + (metadata?.hashes.length ?? 0))
    await respond(served, ShardSyncAnswer, { Blob: { blobId, metadata, ...lengths } })
    if (primary !== undefined) await sendSliver(served, blobId, primary)
    if (secondary !== undefined) await sendSliver(served, blobId, secondary)
    return bytes
  } finally {
    release()
  }
}
