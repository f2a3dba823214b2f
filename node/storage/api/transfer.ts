import { deadline } from '../../../base/deadline.ts'
import { type OpenSliver, SLIVER_PIECE_BYTES } from '../../../protocols/ports.ts'
import { declaredLength, readBody } from '../../http/body.ts'
import { checkBodyForm } from '../../http/body-form.ts'
import { expectedDigests } from '../../http/digest.ts'
import { HttpError } from '../../http/errors.ts'
import { sendBytes, sendPieces } from '../../http/respond.ts'
import type { FaceExchange } from './exchange.ts'
import type { HttpFaceLimits } from './options.ts'

/**
 * Takes a body of which the length is known beforehand: any other is refused before a byte is buffered, and room for it
 * is awaited first. The caller releases it once the bytes are dealt with. Throws 400, 408, 413, 415.
 */
export async function receive(
  exchange: FaceExchange,
  exactBytes: number,
  { bodyIdleMs, bodyBytesPerSecond, roomMs }: HttpFaceLimits,
): Promise<{ bytes: Uint8Array; release: () => void }> {
  const { request, quota, signal } = exchange
  checkBodyForm(request)
  const digests = expectedDigests(request)
  const declared = declaredLength(request, exactBytes)
  if (declared !== undefined && declared !== exactBytes) throw wrongLength(exactBytes, declared)
  using patience = deadline(roomMs, [signal])
  const release = await quota.hold(exactBytes, patience.signal).catch(error => {
    if (signal.aborted || !patience.expired) throw error
    throw new HttpError(503, 'BUSY', 'no room for this body yet: try again in a moment', {
      retryAfterSeconds: 5,
    })
  })
  try {
    await quota.pace(exactBytes, signal)
    exchange.askForBody()
    const bytes = await readBody(request, {
      maxBytes: exactBytes,
      idleMs: bodyIdleMs,
      minBytesPerSecond: bodyBytesPerSecond,
      signal,
      digests,
    })
    if (bytes.length !== exactBytes) throw wrongLength(exactBytes, bytes.length)
    exchange.note({ bytesIn: bytes.length })
    return { bytes, release }
  } catch (error) {
    release()
    throw error
  }
}

/** Sends bytes to whoever may read them, which is everybody. */
export async function sendOctets(exchange: FaceExchange, bytes: Uint8Array, stallMs: number): Promise<void> {
  await exchange.quota.pace(bytes.length, exchange.signal)
  await sendBytes(exchange, 200, octets(bytes.length), bytes, { stallMs })
  exchange.note({ bytesOut: bytes.length })
}

/** Sends a sliver piece by piece, with one of them in memory. Cut off when the sliver goes meanwhile. */
export async function sendSliver(exchange: FaceExchange, sliver: OpenSliver, stallMs: number): Promise<void> {
  const { request, response, quota, signal } = exchange
  const { length } = sliver
  if (request.method === 'HEAD') {
    response.writeHead(200, octets(length)).end()
    return
  }
  await sendPieces(exchange, 200, octets(length), pieces(), { stallMs })
  exchange.note({ bytesOut: length })

  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < length; at += SLIVER_PIECE_BYTES) {
      const wanted = Math.min(SLIVER_PIECE_BYTES, length - at)
      await quota.pace(wanted, signal)
      const piece = await sliver.read(at, wanted)
      if (piece === undefined) throw notStored('sliver')
      yield piece
    }
  }
}

const octets = (length: number) => ({ 'content-type': 'application/octet-stream', 'content-length': length })

/** 404, which Walrus's clients count as absence. */
export function notStored(what: 'metadata' | 'sliver'): HttpError {
  return new HttpError(404, 'NOT_STORED', `this node does not have the ${what}`)
}

function wrongLength(expectedBytes: number, actualBytes: number): HttpError {
  return new HttpError(400, 'WRONG_LENGTH', `exactly ${expectedBytes} bytes are expected here`, {
    metadata: { expectedBytes, actualBytes },
  })
}
