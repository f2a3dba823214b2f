import type { Handler } from '../../http/exchange.ts'
import { blobContent } from '../content/open-blob.ts'
import { CHECKS, checkParam, checkReadParams } from '../read-params.ts'
import type { ReadInit } from './read.ts'

// what an object stands for never changes, and its attributes may
const CACHE_CONTROL = 'public, max-age=300, stale-while-revalidate=3600'

/** `GET` and `HEAD /v1/blobs/by-object-id/:objectId`: the blob, with its attributes as headers. */
export function readByObject({ open, send, objects, shared }: ReadInit): Handler {
  return async exchange => {
    const query = exchange.url.searchParams
    checkReadParams(query, CHECKS)
    const check = checkParam(query)
    const { blobId, attributes } = await objects.find(exchange, exchange.params.objectId)
    await using blob = await open(exchange, blobId)
    await send(exchange, blobContent(blob, shared, check), {
      attributes,
      headers: { 'cache-control': CACHE_CONTROL },
    })
  }
}
