import type { Persistence } from '../../../../codec/types.ts'
import { blobIdParam } from '../../../http/blob-id-param.ts'
import type { Custody } from '../../custody/custody.ts'
import type { ApiExchange, ApiHandler } from '../exchange.ts'
import { objectIdParam } from '../params.ts'
import { sendSuccess } from '../success.ts'

/** `GET …/confirmation/permanent`. */
export function confirmPermanent(custody: Pick<Custody, 'confirm'>): ApiHandler {
  return exchange => confirm(custody, exchange, { kind: 'permanent' })
}

/** `GET …/confirmation/deletable/:objectId`. */
export function confirmDeletable(custody: Pick<Custody, 'confirm'>): ApiHandler {
  return async exchange =>
    await confirm(custody, exchange, { kind: 'deletable', objectId: objectIdParam(exchange.params) })
}

async function confirm(
  custody: Pick<Custody, 'confirm'>,
  exchange: ApiExchange,
  persistence: Persistence,
): Promise<void> {
  const blobId = blobIdParam(exchange.params.blobId)
  exchange.note({ blobId })
  const { message, signature } = await custody.confirm(blobId, persistence, exchange.context)
  sendSuccess(exchange, { signed: { serializedMessage: base64(message), signature: base64(signature) } })
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
