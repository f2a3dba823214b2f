import { HttpError } from '../../http/errors.ts'
import type { Handler } from '../../http/exchange.ts'
import type { Objects } from '../content/objects.ts'
import { blobContent, type OpenBlob, partOf } from '../content/open-blob.ts'
import type { SendContent } from '../content/send.ts'
import type { SharedReads } from '../content/shared-reads.ts'
import { numberParameter } from '../parameters.ts'
import { CHECKS, checkParam, checkReadParams } from '../read-params.ts'

export interface ReadInit {
  open: OpenBlob
  send: SendContent
  objects: Objects
  shared: SharedReads
}

/** `GET` and `HEAD /v1/blobs/:blobId`. */
export function readBlob({ open, send, objects, shared }: ReadInit): Handler {
  return async exchange => {
    const query = exchange.url.searchParams
    checkReadParams(query, CHECKS)
    const check = checkParam(query)
    await using blob = await open(exchange, await objects.blobId(exchange, exchange.params.blobId))
    await send(exchange, blobContent(blob, shared, check))
  }
}

/** `GET /v1/blobs/:blobId/byte-range?start=&length=`: with 200, which more caches keep than 206. */
export function readPart({ open, send, objects, shared }: ReadInit): Handler {
  return async exchange => {
    const query = exchange.url.searchParams
    checkReadParams(query, ['start', 'length'])
    const start = numberParameter(query, 'start', 0)
    const end = start + numberParameter(query, 'length', 1)
    await using blob = await open(exchange, await objects.blobId(exchange, exchange.params.blobId))
    if (end > blob.size) {
      throw new HttpError(
        400,
        'INVALID_PARAMETER',
        `start and length go beyond the blob's ${blob.size} bytes`,
        {
          metadata: { parameter: 'length', size: blob.size },
        },
      )
    }
    await send(exchange, partOf(blobContent(blob, shared), { start, end }))
  }
}

/** `GET /v1alpha/blobs/:blobId/stream`: each row is sent as soon as it is verified, of small blobs too. */
export function streamBlob({ open, send, objects, shared }: ReadInit): Handler {
  return async exchange => {
    checkReadParams(exchange.url.searchParams)
    await using blob = await open(exchange, await objects.blobId(exchange, exchange.params.blobId))
    await send(exchange, blobContent(blob, shared, 'rows'), { headers: { 'x-walrus-streaming': 'true' } })
  }
}
