import { createHash } from 'node:crypto'
import type { Clock } from '../../../base/clock.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { BlobHandle, ReadCheck } from '../../client/types.ts'
import { declaredLength, receiveBody } from '../../http/body.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import type { Attributes } from '../content/header-text.ts'
import { blobContent } from '../content/open-blob.ts'
import type { Content } from '../content/send.ts'
import type { SharedReads } from '../content/shared-reads.ts'
import type { GatewayLimits } from '../options.ts'
import { invalidParameter } from '../parameters.ts'
import { CHECKS, checkParam, checkReadParams } from '../read-params.ts'
import type { ReadInit } from './read.ts'

export interface ConcatInit extends ReadInit {
  clock: Clock
  limits: Pick<GatewayLimits, 'bodyIdleMs' | 'bodyBytesPerSecond'>
}

/** Each is looked up, and its metadata held, before the first byte is sent. */
const MAX_BLOBS = 128
const MAX_BODY_BYTES = 64 * 1024

interface Asked {
  ids: readonly string[]
  check: ReadCheck | undefined
}

/** `GET /v1alpha/blobs/concat?ids=`: blobs one after the other, by blob IDs or object IDs, as if they were one. */
export function concatByGet(init: ConcatInit): Handler {
  return async exchange => {
    const query = exchange.url.searchParams
    checkReadParams(query, ['ids', ...CHECKS])
    const ids = (query.get('ids') ?? '').split(',').map(id => id.trim())
    await concat(init, exchange, { ids: ids.filter(id => id !== ''), check: checkParam(query) })
  }
}

/** The same by POST, of a JSON body `{"ids":[…]}`. */
export function concatByPost(init: ConcatInit): Handler {
  return async exchange => {
    checkReadParams(exchange.url.searchParams)
    await concat(init, exchange, parseBody(await readJson(init, exchange)))
  }
}

async function concat(
  { open, send, objects, shared }: ConcatInit,
  exchange: Exchange,
  { ids, check }: Asked,
) {
  if (ids.length === 0 || ids.length > MAX_BLOBS)
    throw invalidParameter('ids', `must name 1 to ${MAX_BLOBS} blobs, by blob IDs or object IDs`)
  const blobs: BlobHandle[] = []
  const opened = new Map<BlobId, BlobHandle>()
  let attributes: Attributes = {}
  try {
    for (const [i, id] of ids.entries()) {
      const found = id.startsWith('0x') ? await objects.find(exchange, id) : undefined
      if (i === 0 && found !== undefined) attributes = found.attributes
      const blobId = found?.blobId ?? (await objects.blobId(exchange, id))
      const blob = opened.get(blobId) ?? (await open(exchange, blobId))
      opened.set(blobId, blob)
      blobs.push(blob)
    }
    await send(exchange, joined(blobs, shared, check), { attributes })
  } finally {
    await Promise.all(Array.from(opened.values(), blob => blob.close()))
  }
}

/** Several blobs as one content. */
function joined(blobs: readonly BlobHandle[], shared: SharedReads, check: ReadCheck | undefined): Content {
  const parts: { content: Content; at: number }[] = []
  let size = 0
  for (const blob of blobs) {
    parts.push({ content: blobContent(blob, shared, check), at: size })
    size += blob.size
  }
  const within = (range: { start: number; end: number }) =>
    parts
      .map(({ content, at }) => ({
        content,
        start: Math.max(0, range.start - at),
        end: Math.min(content.size, range.end - at),
      }))
      .filter(({ start, end }) => start < end)
  return {
    size,
    tag: createHash('sha256')
      .update(blobs.map(({ blobId }) => blobId).join())
      .digest('base64url'),
    memoryFor: range =>
      Math.max(0, ...within(range).map(({ content, start, end }) => content.memoryFor({ start, end }))),
    async *stream({ signal, ...range }) {
      for (const { content, start, end } of within(range)) yield* content.stream({ start, end, signal })
    },
  }
}

async function readJson({ clock, limits }: ConcatInit, exchange: Exchange): Promise<unknown> {
  const { request, signal } = exchange
  declaredLength(request, MAX_BODY_BYTES)
  exchange.askForBody()
  const chunks: Buffer[] = []
  const bounds = { idleMs: limits.bodyIdleMs, minBytesPerSecond: limits.bodyBytesPerSecond }
  await receiveBody(request, { maxBytes: MAX_BODY_BYTES, ...bounds, signal, clock }, chunk => {
    chunks.push(chunk)
  })
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (cause) {
    throw new HttpError(400, 'MALFORMED_REQUEST', 'the body is not JSON', { cause })
  }
}

function parseBody(body: unknown): Asked {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new HttpError(400, 'MALFORMED_REQUEST', 'the body must be {"ids":[…]}')
  const { ids, ...flags } = body as Record<string, unknown>
  if (!Array.isArray(ids) || !ids.every(id => typeof id === 'string'))
    throw invalidParameter('ids', 'must be an array of texts')
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(flags)) {
    if (!CHECKS.includes(name))
      throw invalidParameter(name, `is unknown; known are ids, ${CHECKS.join(', ')}`)
    if (value === null) continue
    if (typeof value !== 'boolean') throw invalidParameter(name, 'must be true or false')
    query.set(name, String(value))
  }
  return { ids, check: checkParam(query) }
}
