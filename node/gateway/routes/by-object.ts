import { createHash } from 'node:crypto'
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
    const content = blobContent(blob, shared, check)
    // what is sent is another thing once they say another type
    const tag = `${content.tag}-${shortHash(attributes)}`
    await send(
      exchange,
      { ...content, tag },
      {
        attributes,
        headers: { 'cache-control': CACHE_CONTROL },
      },
    )
  }
}

const shortHash = (attributes: Readonly<Record<string, string>>): string =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('base64url')
    .slice(0, 16)
