import type { IncomingMessage } from 'node:http'
import type { DigestCheck } from './digest.ts'
import { HttpError } from './errors.ts'

/** The declared length of a request's body; undefined when it comes in chunks. Throws 413 beyond `maxBytes`. */
export function declaredLength(request: IncomingMessage, maxBytes: number): number | undefined {
  const header = request.headers['content-length']
  if (header === undefined) return request.headers['transfer-encoding'] === undefined ? 0 : undefined
  const length = Number(header)
  if (length > maxBytes) throw tooLarge(maxBytes, length)
  return length
}

export interface BodyOptions {
  maxBytes: number
  /** silence that ends it */
  idleMs: number
  /** a slower body is ended, measured over `idleMs` */
  minBytesPerSecond: number
  signal: AbortSignal
  digests?: DigestCheck
  /** Told of each part before it is kept; what it throws ends the body. */
  onPart?: (bytes: number, totalBytes: number) => void
}

/** Reads a body into memory. Throws as `receiveBody`. */
export async function readBody(request: IncomingMessage, options: BodyOptions): Promise<Uint8Array> {
  const sink = createSink(declaredLength(request, options.maxBytes))
  await receiveBody(request, options, chunk => sink.push(chunk))
  return sink.bytes()
}

/**
 * Takes a body in, at most `maxBytes` of it, however long that takes. While a promise of `take` is pending, no more is read
 * and nobody is called slow; what it throws ends the body. Throws 413 as soon as there is more, 408 when nothing comes for
 * `idleMs` or too little, 400 when its digest is another, the signal's reason when aborted.
 */
export async function receiveBody(
  request: IncomingMessage,
  options: BodyOptions,
  take: (chunk: Buffer) => Promise<void> | void,
): Promise<void> {
  const { maxBytes, idleMs, minBytesPerSecond, signal, digests, onPart } = options
  await new Promise<void>((resolve, reject) => {
    let length = 0
    let taking = false
    const fail = (error: unknown) => {
      settle()
      request.pause()
      reject(error)
    }
    // time that this process was held up is not the sender's: what has arrived meanwhile is read before it is judged
    let over = false
    const judge = (before: number, fewest: number, error: () => HttpError) =>
      void setImmediate(() => {
        if (!over && !taking && length - before < fewest) fail(error())
      })
    const idle = setTimeout(() => judge(length, 1, () => silent(idleMs)), idleMs)
    let before = 0
    const speed = setInterval(() => {
      judge(before, (minBytesPerSecond * idleMs) / 1000, () => tooSlow(minBytesPerSecond))
      before = length
    }, idleMs)
    const onData = (chunk: Buffer) => {
      idle.refresh()
      length += chunk.length
      if (length > maxBytes) return fail(tooLarge(maxBytes, length))
      try {
        onPart?.(chunk.length, length)
        digests?.update(chunk)
        const taken = take(chunk)
        if (taken !== undefined) wait(taken)
      } catch (error) {
        fail(error)
      }
    }
    const wait = (taken: Promise<void>) => {
      taking = true
      request.pause()
      taken
        .then(() => {
          taking = false
          idle.refresh()
          if (!over) request.resume()
        })
        .catch(fail)
    }
    const onEnd = () => {
      settle()
      resolve()
    }
    const onClose = () =>
      fail(new HttpError(400, 'MALFORMED_REQUEST', 'the request ended before its body did'))
    const onAbort = () => fail(signal.reason)
    const settle = () => {
      clearTimeout(idle)
      clearInterval(speed)
      over = true
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
      signal.removeEventListener('abort', onAbort)
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  })
  digests?.finish()
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

function silent(idleMs: number): HttpError {
  return new HttpError(408, 'BODY_TOO_SLOW', `no part of the body arrived for ${idleMs / 1000} s`)
}

function tooSlow(minBytesPerSecond: number): HttpError {
  const kib = Math.ceil(minBytesPerSecond / 1024)
  return new HttpError(408, 'BODY_TOO_SLOW', `the body arrived at less than ${kib} KiB a second`)
}
