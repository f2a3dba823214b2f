import { deadline } from '../../../base/deadline.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { Client } from '../../client/types.ts'
import { blobIdParam } from '../../http/blob-id-param.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import type { Gate, Place } from '../../http/gate.ts'
import type { Movers } from '../../http/movers.ts'
import { sendBytes } from '../../http/respond.ts'
import { ifRangeHolds, noneMatchHits } from '../conditional.ts'
import type { GatewayLimits } from '../options.ts'
import { parseRange } from '../range.ts'

// not immutable: a blob that was encoded wrongly can be invalidated
const CACHE_CONTROL = 'public, max-age=86400, stale-while-revalidate=3600'

interface ReadInit {
  client: Client
  /** who asks the network for a size */
  lookups: Gate
  /** whose blob is read or held in memory */
  downloads: Gate
  sending: Movers
  limits: GatewayLimits
}

/** `GET` and `HEAD /v1/blobs/:blobId`. */
export function readBlob({ client, lookups, downloads, sending, limits }: ReadInit): Handler {
  return async exchange => {
    const { request, response, params } = exchange
    const blobId = blobIdParam(params.blobId)
    exchange.note({ blobId })
    const size = await lookUp(exchange, blobId)
    const etag = `"${blobId}"`
    const headers = { etag, 'cache-control': CACHE_CONTROL, 'accept-ranges': 'bytes' }
    if (noneMatchHits(request.headers['if-none-match'], etag)) {
      response.writeHead(304, headers).end()
      return
    }
    const asked =
      request.method === 'GET' && ifRangeHolds(request.headers['if-range'] as string | undefined, etag)
        ? parseRange(request.headers.range, size)
        : ({ kind: 'whole' } as const) // HEAD has no ranges (RFC 9110, 14.2)
    if (asked.kind === 'unsatisfiable') {
      throw new HttpError(416, 'RANGE_NOT_SATISFIABLE', `the blob has ${size} bytes`, {
        metadata: { size },
        headers: { 'content-range': `bytes */${size}`, 'accept-ranges': 'bytes' },
      })
    }
    const range = asked.kind === 'part' ? asked.range : undefined
    const length = range === undefined ? size : range.end - range.start
    const bodyHeaders: Record<string, string | number> = {
      ...headers,
      'content-type': 'application/octet-stream',
      'content-length': length,
      // blobs are public; pages of other origins may embed them
      'cross-origin-resource-policy': 'cross-origin',
    }
    if (range !== undefined) bodyHeaders['content-range'] = `bytes ${range.start}-${range.end - 1}/${size}`
    if (request.method === 'HEAD') {
      response.writeHead(200, bodyHeaders).end()
      return
    }
    await sendBlob(exchange, blobId, range, length, bodyHeaders)
  }

  /** A blob that nobody has takes an answer of nearly every node. */
  async function lookUp({ address, signal: asked }: Exchange, blobId: BlobId): Promise<number> {
    const place = await lookups.enter({ bytes: 0, address, signal: asked })
    try {
      using limit = deadline(limits.readMs, [asked])
      return (await client.stat(blobId, { signal: limit.signal })).size
    } finally {
      place.leave()
    }
  }

  async function sendBlob(
    exchange: Exchange,
    blobId: BlobId,
    range: { start: number; end: number } | undefined,
    length: number,
    headers: Record<string, string | number>,
  ): Promise<void> {
    const { address } = exchange
    using limit = deadline(limits.readMs, [exchange.signal])
    const { signal } = limit
    let place: Place | undefined
    let held = length
    // what is held already is given back first: two who wait for more than they have would wait for each other
    const room = async (bytes: number): Promise<void> => {
      place?.leave()
      held = bytes
      place = await downloads.enter({ bytes, address, signal })
    }
    try {
      // of a range the client knows what it takes: at least its rows, at worst the whole blob
      if (range === undefined) await room(length)
      const { data } = await client.read(blobId, { ...(range && { range, room }), signal })
      if (data.length !== length) throw new Error(`the client read ${data.length} bytes instead of ${length}`)
      place?.rest() // who reads slowly takes memory from now on, and no work
      await send(exchange, range === undefined ? 200 : 206, headers, data)
      exchange.note({ bytesOut: length })
    } finally {
      place?.leave()
    }

    async function send(
      { signal, ...exchange }: Exchange,
      status: number,
      headers: Record<string, string | number>,
      data: Uint8Array,
    ): Promise<void> {
      const cut = new AbortController()
      const mover = sending.add({
        address,
        bytes: () => held,
        cut() {
          place?.leave()
          cut.abort(new HttpError(503, 'BUSY', 'others needed the room, and this reader was slow'))
        },
      })
      try {
        const both = { ...exchange, signal: AbortSignal.any([signal, cut.signal]) }
        await sendBytes(both, status, headers, data, { stallMs: limits.readerStallMs, onSent: mover.moved })
      } finally {
        mover.done()
      }
    }
  }
}
