import type { BlobId, BlobMetadata, Certificate } from '../../codec/types.ts'
import { ProtocolError } from '../errors.ts'
import type { AbortOptions, BlobStatus, NodeInfo, SnapshotHead } from '../ports.ts'
import type { PeerAddress } from '../rpc/dial.ts'
import { beginRequest } from '../rpc/request.ts'
import type { StreamPool } from '../rpc/stream-pool.ts'
import { SPECS } from '../specs.ts'
import type { Message } from '../wire.ts'
import {
  BlobStatusReply,
  CertifiedReply,
  MetadataReply,
  NodeInfoReply,
  SnapshotsReply,
  type StatusQuery,
  StatusRequest,
} from './messages.ts'

/** How metadata is asked for. */
export interface MetadataOptions extends AbortOptions {
  /** Told of what came, before the whole answer is there. */
  onBytes?: (bytes: number) => void
}

const spec = SPECS.status

export function blobStatus(
  pool: StreamPool,
  peer: PeerAddress,
  blobId: BlobId,
  options?: AbortOptions,
): Promise<BlobStatus> {
  return ask(pool, peer, { BlobStatus: blobId }, BlobStatusReply, options)
}

/**
 * The metadata as the node has it, of the right blob ID but not verified: `verifyMetadata` is the caller's.
 * Undefined when the node does not have it.
 */
export async function metadata(
  pool: StreamPool,
  peer: PeerAddress,
  blobId: BlobId,
  options?: MetadataOptions,
): Promise<BlobMetadata | undefined> {
  const { metadata: found } = await ask(pool, peer, { Metadata: blobId }, MetadataReply, options)
  if (found !== null && found.blobId !== blobId) throw new ProtocolError('VIOLATION')
  return found ?? undefined
}

export function nodeInfo(pool: StreamPool, peer: PeerAddress, options?: AbortOptions): Promise<NodeInfo> {
  return ask(pool, peer, { NodeInfo: true }, NodeInfoReply, options)
}

export function snapshots(
  pool: StreamPool,
  peer: PeerAddress,
  options?: AbortOptions,
): Promise<readonly SnapshotHead[]> {
  return ask(pool, peer, { Snapshots: true }, SnapshotsReply, options)
}

/** Hands a certificate over; resolves once the node has found it good. */
export async function submitCertificate(
  pool: StreamPool,
  peer: PeerAddress,
  certificate: Certificate,
  options?: AbortOptions,
): Promise<void> {
  await ask(pool, peer, { Certified: certificate }, CertifiedReply, options)
}

async function ask<T>(
  pool: StreamPool,
  peer: PeerAddress,
  query: StatusQuery,
  type: Message<T>,
  { signal, onBytes }: MetadataOptions = {},
): Promise<T> {
  const { lease, first } = await beginRequest(pool, peer, signal, async stream => {
    await stream.send(StatusRequest, query, { signal, timeoutMs: spec.chunkTimeoutMs })
    return stream.receive(type, { signal, onBytes, timeoutMs: spec.responseTimeoutMs })
  })
  lease.release()
  return first
}
