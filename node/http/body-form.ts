import type { IncomingMessage } from 'node:http'
import { HttpError } from './errors.ts'

/**
 * Refuses bodies that are not simply the bytes to store: they would be kept in the form in which they travel, and their
 * reader would not know. Throws 400, 415 with what to send instead.
 */
export function checkBodyForm({ headers }: IncomingMessage, { isForm = false } = {}): void {
  if (headers['content-range'] !== undefined) {
    throw new HttpError(
      400,
      'CONTENT_RANGE',
      'send the whole body without Content-Range: parts are not put together',
    )
  }
  const encodings = (headers['content-encoding'] ?? '').toLowerCase()
  const signed = headers['x-amz-content-sha256']
  if (/\baws-chunked\b/.test(encodings) || (typeof signed === 'string' && /^STREAMING-/i.test(signed))) {
    throw unsupported(
      'aws-chunked puts signatures between the bytes: send the plain body, without payload signing and with ' +
        'checksums only when required (AWS_REQUEST_CHECKSUM_CALCULATION=when_required)',
    )
  }
  if (encodings !== '' && encodings !== 'identity') {
    throw unsupported('bodies are stored as they are: send no Content-Encoding')
  }
  if (!isForm && /^\s*multipart\/form-data\b/i.test(headers['content-type'] ?? '')) {
    throw unsupported(
      'a form would be stored with its boundaries: send the file itself as the body (curl -T FILE, not curl -F)',
    )
  }
}

function unsupported(message: string): HttpError {
  return new HttpError(415, 'UNSUPPORTED_ENCODING', message)
}
