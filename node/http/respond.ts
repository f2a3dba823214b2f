import { once } from 'node:events'
import type { Exchange } from './exchange.ts'
import { toJson } from './json.ts'

// node:http buffers 64 KiB; larger writes save calls, smaller ones notice a stalled reader sooner
const WRITE_BYTES = 256 * 1024

/** Headers of every answer. */
export const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  // what is stored is a stranger's: should a browser ever show it, then without scripts and in an origin of its own
  'content-security-policy': "default-src 'none'; sandbox",
}

export function sendJson({ response }: Exchange, status: number, body: object, headers: object = {}): void {
  const text = Buffer.from(`${toJson(body)}\n`)
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

/** Sends bytes at the pace at which they are read. Throws as `sendPieces`. */
export function sendBytes(
  exchange: Exchange,
  status: number,
  headers: Record<string, string | number>,
  bytes: Uint8Array,
  stallMs: number,
): Promise<void> {
  return sendPieces(exchange, status, headers, [bytes], stallMs)
}

/**
 * Sends pieces at the pace at which they are read, each taken from its source when the one before was. Resolves when the
 * last was handed to the system. Throws a TimeoutError when the reader takes nothing for `stallMs`, the signal's reason
 * when aborted, and what the source throws.
 */
export async function sendPieces(
  { response, signal }: Exchange,
  status: number,
  headers: Record<string, string | number>,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  stallMs: number,
): Promise<void> {
  response.writeHead(status, headers)
  for await (const piece of pieces) {
    for (let start = 0; start < piece.length; start += WRITE_BYTES) {
      if (response.write(piece.subarray(start, start + WRITE_BYTES))) continue
      await inTime('drain')
    }
  }
  response.end()
  if (!response.writableFinished) await inTime('finish')

  async function inTime(event: 'drain' | 'finish'): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(stallMs)])
    try {
      await once(response, event, { signal: limit })
    } catch (error) {
      throw limit.aborted ? limit.reason : error
    }
  }
}
