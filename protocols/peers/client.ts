import { ProtocolError } from '../errors.ts'
import type { AbortOptions } from '../ports.ts'
import type { PeerAddress } from '../rpc/dial.ts'
import { beginRequest } from '../rpc/request.ts'
import type { StreamPool } from '../rpc/stream-pool.ts'
import { SPECS } from '../specs.ts'
import { PeersAnswer, PeersRequest } from './messages.ts'

const spec = SPECS.peers

/** The signed records that a peer has of those asked for, at most 256 PeerIds; not verified. */
export async function peerRecords(
  pool: StreamPool,
  peer: PeerAddress,
  peerIds: readonly string[],
  { signal }: AbortOptions = {},
): Promise<readonly Uint8Array[]> {
  const { lease, first } = await beginRequest(pool, peer, signal, async stream => {
    await stream.send(PeersRequest, [...peerIds], { signal, timeoutMs: spec.chunkTimeoutMs })
    return stream.receive(PeersAnswer, { signal, timeoutMs: spec.responseTimeoutMs })
  })
  if (first.length > peerIds.length) {
    const error = new ProtocolError('VIOLATION')
    lease.discard(error)
    throw error
  }
  lease.release()
  return first
}
