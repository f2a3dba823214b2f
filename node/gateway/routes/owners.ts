import { parseObjectId } from '../../../codec/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { toClientError } from '../../client/to-client-error.ts'
import { HttpError } from '../../http/errors.ts'
import type { Handler } from '../../http/exchange.ts'
import { sendJson } from '../../http/respond.ts'
import type { ObjectsInit } from '../content/objects.ts'
import { expectParameters, invalidParameter, numberParameter, pairsParameter } from '../parameters.ts'
import { blobObjectJson } from '../walrus-json.ts'

/** What Sui gives at a time. */
const MAX_LIMIT = 50
const MAX_FILTERS = 8

/** `GET /v1/owners/:address/blobs`: a page of an address's Blob objects. Filters leave some of it out, and pages are no longer for that. */
export function ownedBlobs({ chain, clock, lookups, limits }: ObjectsInit): Handler {
  return async exchange => {
    const { searchParams: query } = exchange.url
    const wanted = filters(query)
    if (chain?.ownedPage === undefined)
      throw new HttpError(404, 'NO_SUCH_ROUTE', 'this gateway reads no objects from the chain')
    const owner = addressParam(exchange.params.address)
    const limit = query.has('limit') ? numberParameter(query, 'limit', 1) : MAX_LIMIT
    if (limit > MAX_LIMIT) throw invalidParameter('limit', `must be at most ${MAX_LIMIT}`)
    const cursor = query.get('cursor') ?? undefined
    const { address, signal: asked } = exchange
    const permit = await lookups.enter({ bytes: 0, address, signal: asked })
    try {
      using deadline = clock.deadline(limits.readMs, [asked])
      const { signal } = deadline
      const { blobs, epoch, next } = await chain.ownedPage(owner, { limit, cursor, signal })
      const listed = blobs
        .filter(({ attributes }) =>
          wanted.every(([key, value]) => Object.hasOwn(attributes, key) && attributes[key] === value),
        )
        .map(({ blob, attributes, endsAtMs }) => ({ ...blobObjectJson(blob), attributes, endsAtMs }))
      sendJson(exchange, 200, { owner, epoch, blobs: listed, nextCursor: next ?? null })
    } catch (cause) {
      const error = toClientError(cause)
      // what Sui refuses of a page is its cursor
      const isRefused = cause instanceof Error && 'code' in cause && cause.code === 'RPC_FAILED'
      if (cursor !== undefined && isRefused) throw invalidParameter('cursor', 'is none that a page gave')
      throw error
    } finally {
      permit.leave()
    }
  }
}

function filters(query: URLSearchParams): [string, string][] {
  const single = new URLSearchParams(query)
  single.delete('attribute')
  expectParameters(single, ['limit', 'cursor', 'attribute'])
  return pairsParameter(query, 'attribute', MAX_FILTERS)
}

function addressParam(text = ''): ObjectId {
  try {
    return parseObjectId(text)
  } catch {
    throw invalidParameter('address', 'must be a Sui address: 0x and 64 hex digits')
  }
}
