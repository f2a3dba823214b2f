import { once } from 'node:events'
import type { Exchange } from './exchange.ts'
import { toJson } from './json.ts'

// node:http buffers 64 KiB; larger writes save calls, smaller ones notice a stalled reader sooner
const WRITE_BYTES = 256 * 1024

/** Headers of every answer, errors too. */
export const COMMON_HEADERS = {
  'x-content-type-options': 'nosniff',
  // what is stored is a stranger's: should a browser ever show it, then without scripts and in an origin of its own
  'content-security-policy': "default-src 'none'; sandbox",
  // pages of any origin may read what went wrong, too; an answer that is not for them takes this back
  'access-control-allow-origin': '*',
  // tags of quilts' files come by any name; the names are for browsers that know no asterisk
  'access-control-expose-headers':
    '*, Accept-Ranges, Allow, Content-Disposition, Content-Length, Content-Range, ETag, Retry-After, X-Quilt-Patch-Identifier',
}

export function sendJson(exchange: Exchange, status: number, body: object, headers: object = {}): void {
  sendJsonText(exchange, status, toJson(body), headers)
}

/** What is JSON already. */
export function sendJsonText(
  { response }: Exchange,
  status: number,
  json: string,
  headers: object = {},
): void {
  const text = Buffer.from(`${json}\n`)
  const fixed = {
    'content-type': 'application/json',
    'content-length': text.length,
    'cache-control': 'no-store',
  }
  response.writeHead(status, { ...fixed, ...headers }).end(text)
}

export function sendText({ response }: Exchange, text: string, contentType: string): void {
  const bytes = Buffer.from(text)
  response.writeHead(200, {
    'content-type': contentType,
    'content-length': bytes.length,
    'cache-control': 'no-store',
  })
  response.end(bytes)
}

export interface SendOptions {
  /** what a reader gets to take the next 256 KiB */
  stallMs: number
  /** told of bytes that the reader has taken, or the system for it */
  onSent?: (bytes: number) => void
}

/** Sends bytes at the pace at which they are read. Throws as `sendPieces`. */
export function sendBytes(
  exchange: Exchange,
  status: number,
  headers: Record<string, string | number>,
  bytes: Uint8Array,
  options: SendOptions,
): Promise<void> {
  return sendPieces(exchange, status, headers, [bytes], options)
}

/**
 * Sends pieces at the pace at which they are read, each taken from its source when the one before was. Resolves when the
 * last was handed to the system. Throws a TimeoutError when the reader takes nothing for `stallMs`, the signal's reason
 * when aborted, and what the source throws.
 */
export async function sendPieces(
  { response, signal, clock }: Exchange,
  status: number,
  headers: Record<string, string | number>,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { stallMs, onSent }: SendOptions,
): Promise<void> {
  response.writeHead(status, headers)
  for await (const piece of pieces) {
    for (let start = 0; start < piece.length; start += WRITE_BYTES) {
      const part = piece.subarray(start, start + WRITE_BYTES)
      if (!response.write(part)) await inTime('drain')
      onSent?.(part.length)
    }
  }
  response.end()
  if (!response.writableFinished) await inTime('finish')

  async function inTime(event: 'drain' | 'finish'): Promise<void> {
    using limit = clock.deadline(stallMs, [signal])
    try {
      await once(response, event, { signal: limit.signal })
    } catch (error) {
      throw limit.signal.aborted ? limit.signal.reason : error
    }
  }
}
