import type { Clock } from '../../../base/clock.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { BlobHandle, ByteRange, Client } from '../../client/types.ts'
import { blobIdParam } from '../../http/blob-id-param.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import type { Gate } from '../../http/gate.ts'
import type { Movers } from '../../http/movers.ts'
import { sendPieces } from '../../http/respond.ts'
import type { GatewayLimits } from '../options.ts'
import { parseRange } from '../range.ts'

// not immutable: a blob that was encoded wrongly can be invalidated
const CACHE_CONTROL = 'public, max-age=86400, stale-while-revalidate=3600'

/** A large blob whose rows are missing is decoded from what others have before its first byte is sent. */
const SLOWEST_BYTES_PER_MS = (4 * 2 ** 20) / 1_000

interface ReadInit {
  client: Client
  clock: Clock
  /** requests that ask the network for a size */
  lookups: Gate
  /** requests whose blob is read or held in memory */
  downloads: Gate
  sending: Movers
  limits: GatewayLimits
}

/** `GET` and `HEAD /v1/blobs/:blobId`. */
export function readBlob({ client, clock, lookups, downloads, sending, limits }: ReadInit): Handler {
  return async exchange => {
    const { request, response, params } = exchange
    const blobId = blobIdParam(params.blobId)
    exchange.note({ blobId })
    await using blob = await find(exchange, blobId)
    const { size } = blob
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
    await sendBlob(exchange, blob, range, length, bodyHeaders)
  }

  /** A blob that nobody has takes an answer of nearly every node. */
  async function find({ address, signal: asked }: Exchange, blobId: BlobId): Promise<BlobHandle> {
    const permit = await lookups.enter({ bytes: 0, address, signal: asked })
    try {
      using limit = clock.deadline(limits.readMs, [asked])
      return await client.open(blobId, { signal: limit.signal })
    } finally {
      permit.leave()
    }
  }

  async function sendBlob(
    exchange: Exchange,
    blob: BlobHandle,
    range: ByteRange | undefined,
    length: number,
    headers: Record<string, string | number>,
  ): Promise<void> {
    const { address } = exchange
    const bytes = blob.memoryFor(range)
    // the time limit is that of the first byte: from then on the reader's pace counts, and the client's patience with nodes
    using limit = clock.deadline(limits.readMs + blob.size / SLOWEST_BYTES_PER_MS, [exchange.signal])
    const cut = new AbortController()
    const signal = AbortSignal.any([limit.signal, cut.signal])
    const permit = await downloads.enter({ bytes, address, signal })
    try {
      const pieces = blob.stream({ ...range, signal })
      // what goes wrong before it has an answer of its own; afterwards the connection is cut
      const first = await pieces.next()
      limit[Symbol.dispose]()
      const mover = sending.add({
        address,
        bytes: () => bytes,
        cut() {
          permit.leave()
          cut.abort(new HttpError(503, 'BUSY', 'others needed the room, and this reader was slow'))
        },
      })
      try {
        const both = { ...exchange, signal: AbortSignal.any([exchange.signal, cut.signal]) }
        await sendPieces(both, range === undefined ? 200 : 206, headers, all(first, pieces), {
          stallMs: limits.readerStallMs,
          onSent: mover.moved,
        })
      } finally {
        mover.done()
      }
      exchange.note({ bytesOut: length })
    } finally {
      permit.leave()
    }

    async function* all(
      first: IteratorResult<Uint8Array, void>,
      rest: AsyncGenerator<Uint8Array, void>,
    ): AsyncGenerator<Uint8Array> {
      let left = length
      try {
        for (let next = first; next.done !== true; next = await rest.next()) {
          left -= next.value.length
          if (left < 0) break
          if (left === 0) permit.rest() // a slow reader takes memory from now on, and no work
          yield next.value
        }
        if (left !== 0) throw new Error(`the client read ${length - left} bytes instead of ${length}`)
      } finally {
        await rest.return()
      }
    }
  }
}

/** True when `If-None-Match` names the entity: the client has it already. Weak comparison (RFC 9110, 13.1.2). */
export function noneMatchHits(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  return header.split(',').some(candidate => candidate.trim().replace(/^W\//, '') === etag)
}

/**
 * True when a `Range` may be honoured: no `If-Range`, or one with the same strong validator (RFC 9110, 13.1.5).
 * A date never matches: blobs have no modification time.
 */
export function ifRangeHolds(header: string | undefined, etag: string): boolean {
  return header === undefined || header.trim() === etag
}
