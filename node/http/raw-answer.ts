import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { errorBody, HttpError } from './errors.ts'
import { toJson } from './json.ts'
import { COMMON_HEADERS } from './respond.ts'

// what a sender gets to read the answer before the connection goes
const LINGER_MS = 500

/** What node:http could not parse, or gave up on, in the form of every other error. */
export function parseFailure(code: string | undefined): HttpError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpError(431, 'MALFORMED_REQUEST', 'the request has more than 16 KiB of headers')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpError(413, 'MALFORMED_REQUEST', 'a chunk of the body has too long extensions')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpError(408, 'TIMEOUT', 'the request did not come in time')
    default:
      return new HttpError(400, 'MALFORMED_REQUEST', 'this is no HTTP/1.1 request')
  }
}

/** Answers where there is no ServerResponse, and closes the connection once the answer could be read. */
export function answerRaw(socket: Socket, error: HttpError, clock: Clock): void {
  // node:http listens no more: unheard, a reset would end the process
  socket.on('error', () => socket.destroy())
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const text = `${toJson(errorBody(error))}\n`
  const headers = {
    ...COMMON_HEADERS,
    ...error.headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    date: new Date(clock.now()).toUTCString(),
    connection: 'close',
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\n${head.join('')}\r\n${text}`)
  // closed with unread bytes, the system would reset the connection, and the sender not see the answer
  socket.resume()
  const late = clock.after(LINGER_MS, () => socket.destroy())
  socket.once('end', () => socket.destroy()).once('close', () => late.stop())
}
