import type { Persistence } from '../../../../codec/types.ts'
import { blobIdParam } from '../../../http/blob-id-param.ts'
import type { Pieces } from '../../custody/pieces.ts'
import type { FaceExchange, FaceHandler } from '../exchange.ts'
import { objectIdParam } from '../params.ts'
import { sendSuccess } from '../success.ts'

/** `GET …/confirmation/permanent`. */
export function confirmPermanent(pieces: Pieces): FaceHandler {
  return exchange => confirm(pieces, exchange, { kind: 'permanent' })
}

/** `GET …/confirmation/deletable/:objectId`. */
export function confirmDeletable(pieces: Pieces): FaceHandler {
  return async exchange =>
    await confirm(pieces, exchange, { kind: 'deletable', objectId: objectIdParam(exchange.params) })
}

async function confirm(pieces: Pieces, exchange: FaceExchange, persistence: Persistence): Promise<void> {
  const blobId = blobIdParam(exchange.params.blobId)
  exchange.note({ blobId })
  const { message, signature } = await pieces.confirm(blobId, persistence, exchange.context)
  sendSuccess(exchange, { signed: { serializedMessage: base64(message), signature: base64(signature) } })
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
