import { sliverLength } from '../../../../codec/index.ts'
import { blobIdParam } from '../../../http/blob-id-param.ts'
import { HttpError } from '../../../http/errors.ts'
import type { Pieces } from '../../custody/pieces.ts'
import type { FaceHandler } from '../exchange.ts'
import type { HttpFaceLimits } from '../options.ts'
import { sliverParam } from '../params.ts'
import { sendSuccess } from '../success.ts'
import { notStored, receive, sendSliver } from '../transfer.ts'

/** `GET …/slivers/:pair/:axis`: BCS `SliverData`. */
export function getSliver(pieces: Pieces, { readerStallMs }: HttpFaceLimits): FaceHandler {
  return async exchange => {
    const { params, quota, signal, context } = exchange
    const blobId = blobIdParam(params.blobId)
    const ref = sliverParam(params, pieces.nShards)
    exchange.note({ blobId })
    const release = await quota.piece(signal)
    try {
      const leave = await quota.disk(signal)
      const sliver = await pieces.openSliver(blobId, ref, context).finally(leave)
      if (sliver === undefined) throw notStored('sliver')
      await sendSliver(exchange, sliver, readerStallMs)
    } finally {
      release()
    }
  }
}

/** `PUT …/slivers/:pair/:axis`: BCS `SliverData`. The metadata must have come before. */
export function putSliver(pieces: Pieces, limits: HttpFaceLimits): FaceHandler {
  return async exchange => {
    const { params, context } = exchange
    const blobId = blobIdParam(params.blobId)
    const ref = sliverParam(params, pieces.nShards)
    exchange.note({ blobId })
    await pieces.expectOurs(blobId, ref, context)
    const metadata = await pieces.metadata(blobId)
    if (metadata === undefined) {
      // tells those who forgot to register from those who forgot the metadata
      await pieces.expectRegistered(blobId, context)
      throw new HttpError(
        400,
        'METADATA_NOT_STORED',
        'send the metadata first: slivers are checked against it',
      )
    }
    await pieces.expectRegistered(blobId, context)
    if (await pieces.holdsSliver(metadata, ref, context))
      return sendSuccess(exchange, 'sliver already stored')
    await pieces.expectRoom()
    const exactBytes = sliverLength(pieces.nShards, metadata.unencodedLength, ref.axis)
    const { bytes, release } = await receive(exchange, exactBytes, limits)
    try {
      await pieces.putSliver(metadata, ref, bytes, context)
    } finally {
      release()
    }
    sendSuccess(exchange, 'sliver successfully stored')
  }
}

/** `GET …/slivers/:pair/:axis/status`. */
export function sliverStatus(pieces: Pieces): FaceHandler {
  return async exchange => {
    const blobId = blobIdParam(exchange.params.blobId)
    const ref = sliverParam(exchange.params, pieces.nShards)
    exchange.note({ blobId })
    sendSuccess(exchange, (await pieces.hasSliver(blobId, ref)) ? 'Stored' : 'Nonexistent')
  }
}
