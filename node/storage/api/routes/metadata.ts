import { blobIdToBytes, CodecError, decodeMetadata, encodeMetadata } from '../../../../codec/index.ts'
import type { BlobId, BlobMetadata } from '../../../../codec/types.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import { blobIdParam } from '../../../http/blob-id-param.ts'
import type { Pieces } from '../../custody/pieces.ts'
import type { FaceHandler } from '../exchange.ts'
import type { HttpFaceLimits } from '../options.ts'
import { sendSuccess } from '../success.ts'
import { notStored, receive, sendOctets } from '../transfer.ts'

/** `GET …/metadata`: BCS `BlobMetadataWithId`. */
export function getMetadata(pieces: Pieces, { readerStallMs }: HttpFaceLimits): FaceHandler {
  return async exchange => {
    const blobId = blobIdParam(exchange.params.blobId)
    exchange.note({ blobId })
    const metadata = await pieces.metadata(blobId)
    if (metadata === undefined) throw notStored('metadata')
    await sendOctets(exchange, encodeMetadata(metadata), readerStallMs)
  }
}

/** `PUT …/metadata`: BCS `BlobMetadata`, without the ID, which is in the path. */
export function putMetadata(pieces: Pieces, limits: HttpFaceLimits): FaceHandler {
  const exactBytes = metadataLength(pieces.nShards)
  return async exchange => {
    const blobId = blobIdParam(exchange.params.blobId)
    exchange.note({ blobId })
    await pieces.expectRegistered(blobId, exchange.context)
    if (await pieces.hasMetadata(blobId)) return sendSuccess(exchange, 'metadata already stored')
    await pieces.expectRoom()
    const { bytes, release } = await receive(exchange, exactBytes, limits)
    try {
      await pieces.putMetadata(decode(blobId, bytes, pieces.nShards))
    } finally {
      release()
    }
    sendSuccess(exchange, 'metadata successfully stored')
  }
}

/** `GET …/metadata/status`. Never `Buffered`: nothing is kept before the registration. */
export function metadataStatus(pieces: Pieces): FaceHandler {
  return async exchange => {
    const blobId = blobIdParam(exchange.params.blobId)
    exchange.note({ blobId })
    sendSuccess(exchange, (await pieces.hasMetadata(blobId)) ? 'Stored' : 'Nonexistent')
  }
}

function decode(blobId: BlobId, bytes: Uint8Array, nShards: number): BlobMetadata {
  try {
    return decodeMetadata(Buffer.concat([blobIdToBytes(blobId), bytes]), nShards)
  } catch (cause) {
    if (cause instanceof CodecError) throw new ProtocolError('MALFORMED', { cause })
    throw cause
  }
}

/** Version, encoding type, length; the count of pairs in ULEB128; two hashes with their enum's tag for each. */
function metadataLength(nShards: number): number {
  const countBytes = nShards < 0x80 ? 1 : nShards < 0x4000 ? 2 : 3
  return 1 + 1 + 8 + countBytes + nShards * 2 * 33
}
