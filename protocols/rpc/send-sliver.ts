import type { BlobId, SliverRef } from '../../codec/types.ts'
import { ProtocolError } from '../errors.ts'
import { type OpenSliver, SLIVER_PIECE_BYTES, type SliverStore } from '../ports.ts'
import { writeBody } from '../stream/body.ts'
import type { ServedRequest } from './served-request.ts'

/**
 * Opens a sliver that is to be sent. Looking for one reads it through: so many at a time, and nobody waits for a peer
 * meanwhile.
 */
export async function openSliver(
  slivers: Pick<SliverStore, 'open'>,
  blobId: BlobId,
  ref: SliverRef,
  { quota, signal }: ServedRequest,
): Promise<OpenSliver | undefined> {
  const leave = await quota.disk(signal)
  try {
    return await slivers.open(blobId, ref, { signal })
  } finally {
    leave()
  }
}

/**
 * Sends a sliver, or `length` bytes of it from `offset`, as a body, a piece in memory at a time. When it is gone meanwhile the
 * stream is reset.
 */
export async function sendSliver(
  served: ServedRequest,
  blobId: BlobId,
  sliver: OpenSliver,
  { offset, length } = { offset: 0, length: sliver.length },
): Promise<void> {
  const { channel, quota, spec, signal, moved } = served
  const pace = (bytes: number): Promise<void> => quota.pace(bytes, signal)
  try {
    for (let at = 0; at < length; at += SLIVER_PIECE_BYTES) {
      const piece = await sliver.read(offset + at, Math.min(SLIVER_PIECE_BYTES, length - at))
      if (piece === undefined) throw new ProtocolError('BLOB_GONE', { details: { blobId } })
      await writeBody(channel.writer, piece, { signal, timeoutMs: spec.chunkTimeoutMs, pace })
    }
  } catch (error) {
    // words in the middle of a body would be taken for a part of it
    channel.abort(error instanceof Error ? error : new ProtocolError('CLOSED', { cause: error }))
    throw error
  }
  moved('out', length)
}
