import type { IncomingMessage } from 'node:http'
import { HttpError } from './errors.ts'

/**
 * Refuses requests whose end or whose host two parsers could read differently, beyond those that Node refuses itself
 * (RFC 9112, 3.2, 6.1 and 6.3): where a proxy stands in front, the difference lets one request hide in another.
 * Throws 400, 501, 505. A server that answers so closes the connection.
 */
export function checkFraming(request: IncomingMessage): void {
  const { httpVersion, headers, headersDistinct } = request
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    throw new HttpError(505, 'MALFORMED_REQUEST', 'this server speaks HTTP/1.1')
  }
  const hosts = headersDistinct.host?.length ?? 0
  if (hosts > 1) throw malformed('the request names several hosts')
  if (hosts === 0 && httpVersion === '1.1') throw malformed('the request has no Host header')

  const encoding = headers['transfer-encoding']
  if (encoding === undefined) return
  if (httpVersion === '1.0') throw malformed('HTTP/1.0 has no Transfer-Encoding')
  if (encoding.toLowerCase() !== 'chunked') {
    throw new HttpError(
      501,
      'UNSUPPORTED_ENCODING',
      'the only Transfer-Encoding that is understood here is chunked',
    )
  }
}

function malformed(message: string): HttpError {
  return new HttpError(400, 'MALFORMED_REQUEST', message)
}
