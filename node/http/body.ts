import type { IncomingMessage } from 'node:http'
import { HttpError } from './errors.ts'

/** The declared length of a request's body; undefined when it comes in chunks. Throws 413 beyond `maxBytes`. */
export function declaredLength(request: IncomingMessage, maxBytes: number): number | undefined {
  const header = request.headers['content-length']
  if (header === undefined) return request.headers['transfer-encoding'] === undefined ? 0 : undefined
  const length = Number(header)
  if (length > maxBytes) throw tooLarge(maxBytes, length)
  return length
}

/** Throws 415: a compressed body would be stored compressed, and its reader would not know. */
export function refuseEncodings(request: IncomingMessage): void {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpError(
      415,
      'UNSUPPORTED_ENCODING',
      'bodies are stored as they are: send no Content-Encoding',
    )
  }
}

/**
 * Reads a body into memory, at most `maxBytes` of it.
 * Throws 413 as soon as there is more, 408 when nothing comes for `idleMs`, the signal's reason when aborted.
 */
export async function readBody(
  request: IncomingMessage,
  options: { maxBytes: number; idleMs: number; signal: AbortSignal },
): Promise<Uint8Array> {
  const { maxBytes, idleMs, signal } = options
  const sink = createSink(declaredLength(request, maxBytes))
  return await new Promise<Uint8Array>((resolve, reject) => {
    const fail = (error: unknown) => {
      settle()
      request.pause()
      reject(error)
    }
    const idle = setTimeout(() => fail(tooSlow(idleMs)), idleMs)
    const onData = (chunk: Buffer) => {
      idle.refresh()
      if (sink.length + chunk.length > maxBytes) fail(tooLarge(maxBytes, sink.length + chunk.length))
      else sink.push(chunk)
    }
    const onEnd = () => {
      settle()
      resolve(sink.bytes())
    }
    const onClose = () =>
      fail(new HttpError(400, 'MALFORMED_REQUEST', 'the request ended before its body did'))
    const onAbort = () => fail(signal.reason)
    const settle = () => {
      clearTimeout(idle)
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
      signal.removeEventListener('abort', onAbort)
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  })
}

// for a body of unknown length: small enough to cost nothing, then doubled
const FIRST_CAPACITY_BYTES = 64 * 1024

interface Sink {
  readonly length: number
  push(chunk: Buffer): void
  bytes(): Uint8Array
}

/** One buffer that grows. Kept chunks would each hold on to the socket buffer that they were cut from. */
function createSink(declared: number | undefined): Sink {
  // not zeroed, so that memory is taken only as bytes arrive
  let buffer = Buffer.allocUnsafeSlow(declared ?? FIRST_CAPACITY_BYTES)
  let length = 0
  return {
    get length() {
      return length
    },
    push(chunk) {
      if (length + chunk.length > buffer.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(2 * buffer.length, length + chunk.length))
        buffer.copy(larger, 0, 0, length)
        buffer = larger
      }
      length += chunk.copy(buffer, length)
    },
    bytes: () => buffer.subarray(0, length),
  }
}

function tooLarge(maxBytes: number, actualBytes: number): HttpError {
  return new HttpError(413, 'BODY_TOO_LARGE', `the body may have at most ${maxBytes} bytes`, {
    metadata: { maxBytes, actualBytes },
  })
}

function tooSlow(idleMs: number): HttpError {
  return new HttpError(408, 'BODY_TOO_SLOW', `no part of the body arrived for ${idleMs / 1000} s`)
}
