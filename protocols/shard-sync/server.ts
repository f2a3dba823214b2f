import type { ShardSource } from '../ports.ts'
import { sendSliver } from '../rpc/send-sliver.ts'
import { type RequestHandler, respond, type ServedRequest } from '../rpc/served-request.ts'
import { ShardSyncAnswer, ShardSyncRequest } from './messages.ts'
import { type OpenAheadPorts, type OpenedBlob, openAhead } from './open-ahead.ts'

export interface ShardSyncPorts extends OpenAheadPorts {
  shards: ShardSource
}

export function shardSyncHandler(ports: ShardSyncPorts): RequestHandler {
  return async (bytes, served) => {
    const query = ShardSyncRequest.decode(bytes)
    const { peer, signal, quota } = served
    served.note({ shard: query.shard, epoch: query.epoch })
    const page = await ports.shards.page(query, { peer, signal, quota })
    let sent = 0
    let blobs = 0
    for await (const blob of openAhead(served, ports, page.blobs, query.metadata)) {
      if (sent >= query.maxBytes) break
      sent += await sendBlob(served, blob)
      blobs++
    }
    served.note({ blobs })
    const whole = blobs === page.blobs.length && page.end
    await respond(served, ShardSyncAnswer, { PageEnd: { whole } })
  }
}

/** Returns the bytes of slivers that were sent. */
async function sendBlob(
  served: ServedRequest,
  { blobId, metadata, primary, secondary }: OpenedBlob,
): Promise<number> {
  const { signal, quota } = served
  if (metadata !== undefined) await quota.pace(metadata.hashes.length, signal)
  const lengths = { primary: primary?.length ?? null, secondary: secondary?.length ?? null }
  const bytes = (lengths.primary ?? 0) + (lengths.secondary ?? 0)
  served.expect('out', bytes + (metadata?.hashes.length ?? 0))
  await respond(served, ShardSyncAnswer, { Blob: { blobId, metadata: metadata ?? null, ...lengths } })
  if (primary !== undefined) await sendSliver(served, blobId, primary)
  if (secondary !== undefined) await sendSliver(served, blobId, secondary)
  return bytes
}
