import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { defined } from '../../base/defined.ts'
import { errorBody, type HttpError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { toJson } from './json.ts'

// how long and how much of a body is swallowed after an early refusal
const LINGER_MS = 1_000
const LINGER_BYTES = 16 * 1024 * 1024

/**
 * Answers with an error. When the client is still sending its body, the answer goes out at once, but the connection is
 * kept open a little: closed with unread bytes, the system resets it, and the sender sees the reset instead of the answer.
 */
export async function sendError(exchange: Exchange, error: HttpError, sendsBody: boolean): Promise<void> {
  const { request, response, clock } = exchange
  // half an answer is out, or nobody listens: cutting the connection is the only honest end
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const text = Buffer.from(`${toJson(errorBody(error))}\n`)
  // an answer that is not for pages says so; that there is none may be known to them
  if (!response.hasHeader('access-control-allow-origin'))
    response.setHeader('access-control-allow-origin', '*')
  const headers = {
    ...error.headers,
    'content-type': 'application/json',
    'content-length': text.length,
    'cache-control': 'no-store',
    connection: request.complete ? undefined : 'close',
  }
  response.writeHead(error.status, defined(headers))
  response.write(text)
  if (!request.complete && sendsBody) await swallow(request, clock)
  response.end()
}

async function swallow(request: IncomingMessage, clock: Clock): Promise<void> {
  let bytes = 0
  await new Promise<void>(resolve => {
    const timer = clock.after(LINGER_MS, resolve)
    const done = () => {
      timer.stop()
      resolve()
    }
    request.on('end', done).on('close', done).on('error', done)
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > LINGER_BYTES) done()
    })
    request.resume()
  })
}
