import { blobIdToBytes, CodecError, decodeMetadata, encodeMetadata } from '../../../../codec/index.ts'
import type { BlobId, BlobMetadata } from '../../../../codec/types.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import { blobIdParam } from '../../../http/blob-id-param.ts'
import type { ApiHandler } from '../exchange.ts'
import type { NodeApiInit, NodeApiLimits, NodeApiPorts } from '../options.ts'
import { sendSuccess } from '../success.ts'
import { notStored, roomFor, sendOctets } from '../transfer.ts'

/** `GET …/metadata`: BCS `BlobMetadataWithId`. */
export function getMetadata(
  { metadata: records }: Pick<NodeApiPorts, 'metadata'>,
  { readerStallMs }: NodeApiLimits,
): ApiHandler {
  return async exchange => {
    const blobId = blobIdParam(exchange.params.blobId)
    exchange.note({ blobId })
    const metadata = await records.get(blobId)
    if (metadata === undefined) throw notStored('metadata')
    await sendOctets(exchange, encodeMetadata(metadata), readerStallMs)
  }
}

/** `PUT …/metadata`: BCS `BlobMetadata`, without the ID, which is in the path. */
export function putMetadata(
  { custody, clock }: Pick<NodeApiInit, 'custody' | 'clock'>,
  limits: NodeApiLimits,
): ApiHandler {
  const exactBytes = metadataLength(custody.nShards)
  return async exchange => {
    const blobId = blobIdParam(exchange.params.blobId)
    exchange.note({ blobId })
    if (!(await custody.expectMetadata(blobId, exchange.context)))
      return sendSuccess(exchange, 'metadata already stored')
    using room = await roomFor(exchange, { exactBytes }, limits, clock)
    const bytes = new Uint8Array(exactBytes)
    await room.receive((part, at) => bytes.set(part, at))
    await custody.putMetadata(decode(blobId, bytes, custody.nShards), exchange.context)
    sendSuccess(exchange, 'metadata successfully stored')
  }
}

/** `GET …/metadata/status`. Never `Buffered`: nothing is kept before the registration. */
export function metadataStatus({ metadata: records }: Pick<NodeApiPorts, 'metadata'>): ApiHandler {
  return async exchange => {
    const blobId = blobIdParam(exchange.params.blobId)
    exchange.note({ blobId })
    sendSuccess(exchange, (await records.get(blobId)) === undefined ? 'Nonexistent' : 'Stored')
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
