import { sliverLength } from '../../../../codec/index.ts'
import { blobIdParam } from '../../../http/blob-id-param.ts'
import type { ApiHandler } from '../exchange.ts'
import type { NodeApiInit, NodeApiLimits, NodeApiPorts } from '../options.ts'
import { sliverParam } from '../params.ts'
import { sendSuccess } from '../success.ts'
import { noMetadata, notStored, roomFor, sendSliver } from '../transfer.ts'

/** `GET …/slivers/:pair/:axis`: BCS `SliverData`. */
export function getSliver(
  { custody, slivers }: Pick<NodeApiPorts, 'custody' | 'slivers'>,
  { readerStallMs }: NodeApiLimits,
): ApiHandler {
  return async exchange => {
    const { params, quota, signal } = exchange
    const blobId = blobIdParam(params.blobId)
    const ref = sliverParam(params, custody.nShards)
    exchange.note({ blobId })
    const release = await quota.piece(signal)
    try {
      const leave = await quota.disk(signal)
      const sliver = await slivers.open(blobId, ref, { signal }).finally(leave)
      if (sliver === undefined) throw notStored('sliver')
      await sendSliver(exchange, sliver, readerStallMs)
    } finally {
      release()
    }
  }
}

/** `PUT …/slivers/:pair/:axis`: BCS `SliverData`. The metadata must have come before. */
export function putSliver(
  { custody, clock }: Pick<NodeApiInit, 'custody' | 'clock'>,
  limits: NodeApiLimits,
): ApiHandler {
  return async exchange => {
    const { params, context } = exchange
    const blobId = blobIdParam(params.blobId)
    const ref = sliverParam(params, custody.nShards)
    exchange.note({ blobId })
    const session = await custody.openSliver(blobId, ref, context)
    if (session === undefined) throw noMetadata()
    try {
      if (session.wanted.length === 0) return sendSuccess(exchange, 'sliver already stored')
      const { nShards, unencodedLength } = session.metadata
      const exactBytes = sliverLength(nShards, unencodedLength, ref.axis)
      using room = await roomFor(exchange, { exactBytes }, limits, clock)
      const arriving = await session.receive(ref)
      try {
        await room.receive(part => arriving.write(part))
        await arriving.accept()
      } finally {
        await arriving.close()
      }
    } finally {
      session.close()
    }
    sendSuccess(exchange, 'sliver successfully stored')
  }
}

/** `GET …/slivers/:pair/:axis/status`. */
export function sliverStatus({ custody, slivers }: Pick<NodeApiPorts, 'custody' | 'slivers'>): ApiHandler {
  return async exchange => {
    const blobId = blobIdParam(exchange.params.blobId)
    const ref = sliverParam(exchange.params, custody.nShards)
    exchange.note({ blobId })
    sendSuccess(exchange, (await slivers.has(blobId, ref)) ? 'Stored' : 'Nonexistent')
  }
}
