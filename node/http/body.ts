import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { nextTurn } from '../../base/turn.ts'
import { onAbort } from '../../base/wait.ts'
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
  clock: Clock
  digests?: DigestCheck
  /** Told of each part before it is kept; what it throws ends the body. */
  onPart?: (bytes: number, totalBytes: number) => void
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
  const { maxBytes, idleMs, minBytesPerSecond, signal, clock, digests, onPart } = options
  await new Promise<void>((resolve, reject) => {
    let length = 0
    let taking = false
    let last = Promise.resolve()
    const fail = (error: unknown) => {
      settle()
      request.pause()
      reject(error)
    }
    // time that this process was held up is not the sender's: what has arrived meanwhile is read before it is judged
    let over = false
    const judge = (before: number, fewest: number, error: () => HttpError) =>
      void nextTurn().then(() => {
        if (!over && !taking && length - before < fewest) fail(error())
      })
    const listen = () => clock.after(idleMs, () => judge(length, 1, () => silent(idleMs)))
    let idle = listen()
    const heard = () => {
      idle.stop()
      idle = listen()
    }
    let before = 0
    const speed = clock.every(idleMs, () => {
      judge(before, (minBytesPerSecond * idleMs) / 1000, () => tooSlow(minBytesPerSecond))
      before = length
    })
    const onData = (chunk: Buffer) => {
      heard()
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
      last = taken
      request.pause()
      taken
        .then(() => {
          taking = false
          if (over) return
          heard()
          request.resume()
        })
        .catch(fail)
    }
    const onEnd = () => {
      settle()
      // the end of a body may be told while its last part is still being taken: a pause does not hold it up
      last.then(resolve, reject)
    }
    const onClose = () =>
      fail(new HttpError(400, 'MALFORMED_REQUEST', 'the request ended before its body did'))
    let listening: Disposable | undefined
    const settle = () => {
      idle.stop()
      speed.stop()
      over = true
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
      listening?.[Symbol.dispose]()
    }
    listening = onAbort(signal, () => fail(signal.reason))
    if (over) return
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  })
  digests?.finish()
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
