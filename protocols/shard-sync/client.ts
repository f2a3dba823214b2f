import { blobIdToBytes } from '../../codec/index.ts'
import type { Axis, BlobId, BlobMetadata } from '../../codec/types.ts'
import { ProtocolError } from '../errors.ts'
import type { AbortOptions } from '../ports.ts'
import type { ClientStream } from '../rpc/client-stream.ts'
import type { PeerAddress } from '../rpc/dial.ts'
import { beginRequest } from '../rpc/request.ts'
import type { StreamPool } from '../rpc/stream-pool.ts'
import { SPECS } from '../specs.ts'
import { passOverBody, readBody } from '../stream/body.ts'
import { ShardSyncAnswer, type ShardSyncBlob, type ShardSyncQuery, ShardSyncRequest } from './messages.ts'

/** One blob's slivers of a shard, as the node sent them: of the right lengths, not verified. */
export interface SyncedBlob {
  blobId: BlobId
  /** of the right blob ID, not verified; where it was asked for and the node has it */
  metadata?: BlobMetadata
  /** BCS `SliverData`; absent when the node does not have the sliver */
  primary?: Uint8Array
  secondary?: Uint8Array
}

export interface ShardSyncOptions extends AbortOptions {
  /**
   * The lengths that a blob's slivers have, in bytes of BCS; undefined for a blob that is not wanted, whose slivers are
   * then passed over. Called before anything of the blob is kept.
   */
  lengths(
    blobId: BlobId,
    metadata: BlobMetadata | undefined,
  ): Promise<Readonly<Record<Axis, number>> | undefined>
}

const spec = SPECS['shard-sync']

/**
 * One page of a shard from one node, blob by blob in ascending order of IDs; the node waits while the consumer does. What
 * it returns at last tells whether the shard has no more. Throws ProtocolError: VIOLATION for what was not asked for, is out
 * of order, or has a wrong length; or the signal's reason.
 */
export async function* syncShardPage(
  pool: StreamPool,
  peer: PeerAddress,
  query: ShardSyncQuery,
  { lengths, signal }: ShardSyncOptions,
): AsyncGenerator<SyncedBlob, { whole: boolean }> {
  const limits = { signal, timeoutMs: spec.responseTimeoutMs }
  const { lease, first } = await beginRequest(pool, peer, signal, async stream => {
    await stream.send(ShardSyncRequest, query, { signal, timeoutMs: spec.chunkTimeoutMs })
    return stream.receive(ShardSyncAnswer, limits)
  })
  let failure: unknown = new ProtocolError('CLOSED')
  let complete = false
  try {
    let last = query.after
    let blobs = 0
    let step = first
    while (!('PageEnd' in step)) {
      const { blobId } = step.Blob
      if (++blobs > query.maxBlobs || !isAfter(blobId, last)) throw new ProtocolError('VIOLATION')
      last = blobId
      const blob = await readBlob(lease.stream, query, step.Blob, { lengths, signal })
      if (blob !== undefined) yield blob
      step = await lease.stream.receive(ShardSyncAnswer, limits)
    }
    complete = true
    return step.PageEnd
  } catch (error) {
    failure = error
    throw error
  } finally {
    if (complete) lease.release()
    else lease.discard(failure)
  }
}

/** Undefined for a blob that is not wanted. */
async function readBlob(
  { channel }: ClientStream,
  query: ShardSyncQuery,
  { blobId, metadata, ...sent }: ShardSyncBlob,
  { lengths, signal }: ShardSyncOptions,
): Promise<SyncedBlob | undefined> {
  if (metadata !== null && (!query.metadata || metadata.blobId !== blobId))
    throw new ProtocolError('VIOLATION')
  const wanted = await lengths(blobId, metadata ?? undefined)
  const options = { signal, timeoutMs: spec.chunkTimeoutMs }
  const blob: SyncedBlob = { blobId }
  if (metadata !== null) blob.metadata = metadata
  for (const axis of ['primary', 'secondary'] as const) {
    const length = sent[axis]
    if (length === null) continue
    if (wanted === undefined) {
      if (length > spec.maxBodyBytes) throw new ProtocolError('VIOLATION')
      await passOverBody(channel.reader, length, options)
      continue
    }
    if (length !== wanted[axis]) throw new ProtocolError('VIOLATION')
    const bytes = new Uint8Array(length)
    await readBody(channel.reader, bytes, options)
    blob[axis] = bytes
  }
  return wanted === undefined ? undefined : blob
}

function isAfter(blobId: BlobId, last: BlobId | undefined): boolean {
  if (last === undefined) return true
  const [a, b] = [blobIdToBytes(blobId), blobIdToBytes(last)]
  const at = a.findIndex((byte, i) => byte !== b[i])
  return at >= 0 && a[at]! > b[at]!
}
