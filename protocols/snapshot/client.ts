import type { AbortOptions } from '../ports.ts'
import type { PeerAddress } from '../rpc/dial.ts'
import { beginRequest } from '../rpc/request.ts'
import type { StreamPool } from '../rpc/stream-pool.ts'
import { SPECS } from '../specs.ts'
import { SnapshotAnswer, type SnapshotPage, type SnapshotQuery, SnapshotRequest } from './messages.ts'

const spec = SPECS.snapshot

/** One page of a node's blob table, not verified. Throws ProtocolError: NO_SNAPSHOT where the node has no such page. */
export async function snapshotPage(
  pool: StreamPool,
  peer: PeerAddress,
  query: SnapshotQuery,
  { signal }: AbortOptions = {},
): Promise<SnapshotPage> {
  const { lease, first } = await beginRequest(pool, peer, signal, async stream => {
    await stream.send(SnapshotRequest, query, { signal, timeoutMs: spec.chunkTimeoutMs })
    return stream.receive(SnapshotAnswer, { signal, timeoutMs: spec.responseTimeoutMs })
  })
  lease.release()
  return first
}
