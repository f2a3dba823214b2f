import { defined } from '../../../base/defined.ts'

/** As what a blob may be shown: what a browser runs no scripts of, or does so in an origin of its own. */
const TYPES: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
  'image/svg+xml',
  'video/mp4',
  'video/webm',
  'video/ogg',
  'audio/mpeg',
  'audio/mp4',
  'audio/ogg',
  'audio/wav',
  'audio/webm',
  'audio/flac',
  'text/plain',
  'text/html',
  'application/json',
  'application/pdf',
])

/** A type from the list, or bytes that nothing is made of. */
export function contentType(asked: string | null): string {
  if (asked === null || !TYPES.has(asked)) return 'application/octet-stream'
  return asked.startsWith('text/') || asked === 'application/json' ? `${asked}; charset=utf-8` : asked
}

/** Headers of a blob: it is a stranger's, and comes from the gateway's own origin. */
export function blobHeaders(type: string): Record<string, string> {
  return defined<Record<string, string | undefined>>({
    'content-type': type,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    // a viewer of PDFs does not load in a sandbox, and runs nothing of the page's origin
    'content-security-policy': type === 'application/pdf' ? undefined : policyOf(type),
    'content-disposition': type === 'application/octet-stream' ? 'attachment' : undefined,
  })
}

function policyOf(type: string): string {
  // a player asks for more by itself, which a sandbox would keep from the service worker
  if (type.startsWith('video/') || type.startsWith('audio/')) return "default-src 'none'; media-src 'self'"
  const isMarkup = type.startsWith('text/html') || type === 'image/svg+xml'
  if (!isMarkup) return 'sandbox'
  return "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
}
