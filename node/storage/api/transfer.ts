import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../../base/clock.ts'
import { type OpenSliver, SLIVER_PIECE_BYTES } from '../../../protocols/ports.ts'
import { declaredLength, receiveBody } from '../../http/body.ts'
import { checkBodyForm } from '../../http/body-form.ts'
import { expectedDigests } from '../../http/digest.ts'
import { HttpError } from '../../http/errors.ts'
import { sendBytes, sendPieces } from '../../http/respond.ts'
import type { ApiExchange } from './exchange.ts'
import type { NodeApiLimits } from './options.ts'

/** Room for one body. Dispose of it (`using`) once its bytes are dealt with. */
interface BodyRoom extends Disposable {
  /**
   * Asks for the body and hands it on part by part, with where each begins; no more is read while a promise is pending.
   * Gives its length. Throws 400, 408, 413.
   */
  receive(take: (part: Uint8Array, at: number) => Promise<void> | void): Promise<number>
}

/** How long a body must be, or may be. */
type BodySize = { exactBytes: number } | { maxBytes: number }

/** What is declared of a body's length, or the most where nothing is. Throws 413. */
export function declaredWithin(request: IncomingMessage, maxBytes: number): number {
  return declaredLength(request, maxBytes) ?? maxBytes
}

/**
 * Room for a body: one of another length is refused before a byte is read. Throws 400, 413, 415, and 503 when there is no room
 * for long.
 */
export async function roomFor(
  exchange: ApiExchange,
  size: BodySize,
  { bodyIdleMs, bodyBytesPerSecond, roomMs }: NodeApiLimits,
  clock: Clock,
): Promise<BodyRoom> {
  const { request, quota, transfers, line, signal } = exchange
  checkBodyForm(request)
  const digests = expectedDigests(request)
  const exactBytes = 'exactBytes' in size ? size.exactBytes : undefined
  const maxBytes = 'maxBytes' in size ? declaredWithin(request, size.maxBytes) : size.exactBytes
  const expectLength = (bytes: number | undefined): void => {
    if (bytes !== undefined && exactBytes !== undefined && bytes !== exactBytes)
      throw wrongLength(exactBytes, bytes)
  }
  expectLength(declaredLength(request, maxBytes))
  transfers.expect('in', maxBytes)
  using patience = clock.deadline(roomMs, [signal])
  const release = await quota.hold(maxBytes, patience.signal).catch(error => {
    if (signal.aborted || !patience.expired) throw error
    throw new HttpError(503, 'BUSY', 'no room for this body yet: try again in a moment', {
      retryAfterSeconds: 5,
    })
  })
  return {
    async receive(take) {
      await quota.pace(maxBytes, signal)
      exchange.askForBody()
      const limits = { maxBytes, idleMs: bodyIdleMs, minBytesPerSecond: bodyBytesPerSecond }
      let at = 0
      await receiveBody(request, { ...limits, signal, clock, digests }, part => {
        const start = at
        at += part.length
        const turn = line?.move('down', part.length, signal)
        return turn === undefined ? take(part, start) : turn.then(() => take(part, start))
      })
      expectLength(at)
      exchange.note({ bytesIn: at })
      return at
    },
    [Symbol.dispose]: release,
  }
}

/** Sends bytes: everybody may read them. */
export async function sendOctets(exchange: ApiExchange, bytes: Uint8Array, stallMs: number): Promise<void> {
  exchange.transfers.expect('out', bytes.length)
  await exchange.quota.pace(bytes.length, exchange.signal)
  await exchange.line?.move('up', bytes.length, exchange.signal)
  await sendBytes(exchange, 200, octets(bytes.length), bytes, { stallMs })
  exchange.note({ bytesOut: bytes.length })
}

/** Sends a sliver piece by piece, with one of them in memory. Cut off when the sliver goes meanwhile. */
export async function sendSliver(exchange: ApiExchange, sliver: OpenSliver, stallMs: number): Promise<void> {
  const { request, response, quota, transfers, line, signal } = exchange
  const { length } = sliver
  if (request.method === 'HEAD') {
    response.writeHead(200, octets(length)).end()
    return
  }
  transfers.expect('out', length)
  await sendPieces(exchange, 200, octets(length), pieces(), { stallMs })
  exchange.note({ bytesOut: length })

  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < length; ) {
      const wanted = Math.min(SLIVER_PIECE_BYTES, length - at, line?.pieceBytes('up') ?? length)
      await quota.pace(wanted, signal)
      await line?.move('up', wanted, signal)
      const piece = await sliver.read(at, wanted)
      if (piece === undefined) throw notStored('sliver')
      yield piece
      at += wanted
    }
  }
}

const octets = (length: number) => ({ 'content-type': 'application/octet-stream', 'content-length': length })

export function noMetadata(): HttpError {
  return new HttpError(400, 'METADATA_NOT_STORED', 'send the metadata first: the rest is checked against it')
}

/** 404, which Walrus's clients count as absence. */
export function notStored(what: 'metadata' | 'sliver'): HttpError {
  return new HttpError(404, 'NOT_STORED', `this node does not have the ${what}`)
}

function wrongLength(expectedBytes: number, actualBytes: number): HttpError {
  return new HttpError(400, 'WRONG_LENGTH', `exactly ${expectedBytes} bytes are expected here`, {
    metadata: { expectedBytes, actualBytes },
  })
}
