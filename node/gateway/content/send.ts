import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../base/clock.ts'
import { LruMap } from '../../../base/lru-map.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { Gate, Permit } from '../../http/gate.ts'
import type { Movers } from '../../http/movers.ts'
import { sendPieces } from '../../http/respond.ts'
import type { GatewayLimits } from '../options.ts'
import { checkConditions, ifRangeHolds } from './conditions.ts'
import type { Attributes } from './header-text.ts'
import { UNKNOWN_TYPE } from './media-type.ts'
import { present } from './present.ts'
import { type ByteRange, lengthOf, parseRange, type RangeAnswer } from './range.ts'
import { SNIFF_BYTES, sniff } from './sniff.ts'

/** Bytes that can be sent: a blob, a part of one, a file of a quilt. */
export interface Content {
  size: number
  /** names the bytes for caches, and nothing else ever: it becomes the ETag */
  tag: string
  /** bytes that streaming the range holds in memory at most */
  memoryFor(range: ByteRange): number
  stream(options: ByteRange & { signal: AbortSignal }): AsyncGenerator<Uint8Array, void, undefined>
}

export interface SendContentOptions {
  /** headers besides those of content */
  headers?: Readonly<Record<string, string>>
  /** said of the content by who stored it, lower case: what a request does not decide */
  attributes?: Attributes
  /** ranges are honoured; true when absent */
  ranges?: boolean
}

/** Answers a GET or HEAD with content: conditions, ranges, type, and no more at a time than there is room for. */
export type SendContent = (
  exchange: Exchange,
  content: Content,
  options?: SendContentOptions,
) => Promise<void>

export interface SendContentInit {
  clock: Clock
  /** requests whose content is read or held in memory */
  downloads: Gate
  sending: Movers
  limits: Pick<GatewayLimits, 'readMs' | 'readerStallMs'>
}

// not immutable: a blob that was encoded wrongly can be invalidated
const CACHE_CONTROL = 'public, max-age=86400, stale-while-revalidate=3600'
/** A large blob whose rows are missing is decoded from what others have before its first byte is sent. */
const SLOWEST_BYTES_PER_MS = (4 * 2 ** 20) / 1_000
/** Contents whose type is remembered, so that ranges of a video do not fetch its beginning each time. */
const REMEMBERED = 10_000

type Headers = Record<string, string | number>

export function createSendContent(init: SendContentInit): SendContent {
  const types = new LruMap<string, string>(REMEMBERED)

  return async (exchange, content, { headers: given = {}, attributes = {}, ranges = true } = {}) => {
    const { request, response, url } = exchange
    const { size, tag } = content
    const etag = `"${tag}"`
    const headers: Headers = { etag, 'cache-control': CACHE_CONTROL, ...given }
    if (ranges) headers['accept-ranges'] = 'bytes'
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const presentation = present({ url, request, attributes, known: types.get(tag) })
    if (isRead && checkConditions(request.headers, etag) === 'not modified') {
      // caches put these in place of what they have: the rest stays as it was with the whole answer
      response.removeHeader('content-security-policy')
      const cacheControl = String(headers['cache-control'])
      response.writeHead(304, { etag, 'cache-control': cacheControl, vary: presentation.headers.vary }).end()
      return
    }
    const asked =
      ranges &&
      request.method === 'GET' &&
      ifRangeHolds(request.headers['if-range'] as string | undefined, etag)
        ? parseRange(request.headers.range, size)
        : ({ kind: 'whole' } as const) // HEAD has no ranges (RFC 9110, 14.2)
    if (asked.kind === 'unsatisfiable') throw unsatisfiable(size)
    Object.assign(headers, presentation.headers)
    // blobs are public; pages of other origins may embed them
    headers['cross-origin-resource-policy'] = 'cross-origin'
    const plan = createPlan(asked, content)
    const learn = (first: Uint8Array) => {
      const type = sniff(first) ?? UNKNOWN_TYPE
      types.set(tag, type)
      Object.assign(headers, presentation.sniffed(type))
    }
    await sendPlan(init, exchange, content, {
      plan,
      headers,
      learn: presentation.isOpen && size > 0 ? learn : undefined,
    })
  }
}

function unsatisfiable(size: number): HttpError {
  return new HttpError(416, 'RANGE_NOT_SATISFIABLE', `the blob has ${size} bytes`, {
    metadata: { size },
    headers: { 'content-range': `bytes */${size}`, 'accept-ranges': 'bytes' },
  })
}

/** What is sent: ranges of the content, and what stands around each. */
interface Plan {
  status: number
  parts: readonly { range: ByteRange; before?: (type: string) => string }[]
  after?: string
  headers(type: string): Headers
}

function createPlan(asked: Exclude<RangeAnswer, { kind: 'unsatisfiable' }>, { size }: Content): Plan {
  if (asked.kind === 'whole') {
    const parts = [{ range: { start: 0, end: size } }]
    return { status: 200, parts, headers: () => ({ 'content-length': size }) }
  }
  const said = ({ start, end }: ByteRange) => `bytes ${start}-${end - 1}/${size}`
  const [first, ...others] = asked.ranges
  if (others.length === 0) {
    const headers = { 'content-length': first.end - first.start, 'content-range': said(first) }
    return { status: 206, parts: [{ range: first }], headers: () => headers }
  }
  const boundary = randomUUID()
  const parts = asked.ranges.map((range, i) => ({
    range,
    before: (type: string) =>
      `${i === 0 ? '' : '\r\n'}--${boundary}\r\ncontent-type: ${type}\r\ncontent-range: ${said(range)}\r\n\r\n`,
  }))
  const after = `\r\n--${boundary}--\r\n`
  return {
    status: 206,
    parts,
    after,
    headers: type => ({
      'content-type': `multipart/byteranges; boundary=${boundary}`,
      'content-length':
        lengthOf(asked.ranges) +
        parts.reduce((sum, { before }) => sum + Buffer.byteLength(before(type)), 0) +
        after.length,
    }),
  }
}

/** Sends what has begun; when others need its room and the reader is slow, the permit goes back and `cut` ends it. */
export async function sendYielding(
  { sending, limits }: Pick<SendContentInit, 'sending' | 'limits'>,
  exchange: Exchange,
  { bytes, permit, cut }: { bytes: number; permit: Pick<Permit, 'leave'>; cut: AbortController },
  { status, headers, pieces }: { status: number; headers: Headers; pieces: AsyncIterable<Uint8Array> },
): Promise<void> {
  const mover = sending.add({
    address: exchange.address,
    bytes: () => bytes,
    cut() {
      permit.leave()
      cut.abort(new HttpError(503, 'BUSY', 'others needed the room, and this reader was slow'))
    },
  })
  try {
    const both = { ...exchange, signal: AbortSignal.any([exchange.signal, cut.signal]) }
    await sendPieces(both, status, headers, pieces, {
      stallMs: limits.readerStallMs,
      onSent: mover.moved,
    })
  } finally {
    mover.done()
  }
}

interface Sending {
  plan: Plan
  headers: Headers
  /** sets the type by the first bytes, while nothing else told it */
  learn: ((first: Uint8Array) => void) | undefined
}

async function sendPlan(
  init: SendContentInit,
  exchange: Exchange,
  content: Content,
  { plan, headers, learn }: Sending,
): Promise<void> {
  const { clock, downloads, sending, limits } = init
  const { address, request, response } = exchange
  const isHead = request.method === 'HEAD'
  const finish = (): Headers => ({ ...headers, ...plan.headers(String(headers['content-type'])) })
  if (isHead && learn === undefined) {
    response.writeHead(plan.status, finish()).end()
    return
  }
  const bytes = Math.max(...plan.parts.map(({ range }) => content.memoryFor(range)))
  // the time limit is that of the first byte: from then on the reader's pace counts, and the client's patience with nodes
  using limit = clock.deadline(limits.readMs + content.size / SLOWEST_BYTES_PER_MS, [exchange.signal])
  const cut = new AbortController()
  const signal = AbortSignal.any([limit.signal, cut.signal])
  const permit = await downloads.enter({ bytes, address, signal })
  try {
    const headBytes = Math.min(SNIFF_BYTES, content.size)
    const readHead = async () =>
      Buffer.concat(await Array.fromAsync(content.stream({ start: 0, end: headBytes, signal })))
    // of one range from the beginning, what is sent tells it
    const isFirst = !isHead && plan.parts.length === 1 && plan.parts[0]?.range.start === 0
    if (!isFirst) learn?.(await readHead())
    if (isHead) {
      response.writeHead(plan.status, finish()).end()
      return
    }
    const type = String(headers['content-type'])
    const pieces = allOf(plan, content, { type, signal, onLast: () => permit.rest() })
    // what goes wrong before it has an answer of its own; afterwards the connection is cut
    const first = await pieces.next()
    if (isFirst && learn !== undefined) {
      const seen = first.value ?? new Uint8Array()
      learn(seen.length >= headBytes ? seen : await readHead())
    }
    limit[Symbol.dispose]()
    const answer = { status: plan.status, headers: finish(), pieces: resumed(first, pieces) }
    await sendYielding({ sending, limits }, exchange, { bytes, permit, cut }, answer)
    exchange.note({ bytesOut: lengthOf(plan.parts.map(({ range }) => range)) })
  } finally {
    permit.leave()
  }
}

/** Everything that is sent, in order. Throws when a source gives less than it has. */
async function* allOf(
  { parts, after }: Plan,
  content: Content,
  { type, signal, onLast }: { type: string; signal: AbortSignal; onLast: () => void },
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const [i, { range, before }] of parts.entries()) {
    if (before !== undefined) yield Buffer.from(before(type))
    let left = range.end - range.start
    if (left === 0) continue
    for await (const piece of content.stream({ ...range, signal })) {
      left -= piece.length
      if (left < 0) break
      // a slow reader takes memory from now on, and no work
      if (left === 0 && i === parts.length - 1) onLast()
      yield piece
      if (left === 0) break
    }
    if (left !== 0) {
      const length = range.end - range.start
      throw new Error(`the client read ${length - left} bytes instead of ${length}`)
    }
  }
  if (after !== undefined) yield Buffer.from(after)
}

/** What is left of pieces, the first of which was taken already. */
export async function* resumed(
  first: IteratorResult<Uint8Array, void>,
  rest: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) yield next.value
  } finally {
    await rest.return()
  }
}
