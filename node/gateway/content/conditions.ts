import type { IncomingHttpHeaders } from 'node:http'
import { HttpError } from '../../http/errors.ts'

/**
 * What the conditions of a request come to for a representation with this strong ETag, in the order of RFC 9110, 13.2.2. What is
 * stored has no date: a blob never changes, so that it is older than any. Throws 412.
 */
export function checkConditions(headers: IncomingHttpHeaders, etag: string): 'send' | 'not modified' {
  const match = headers['if-match']
  if (match !== undefined && !listHas(match, etag, { weak: false })) {
    throw new HttpError(412, 'PRECONDITION_FAILED', `what is here has the ETag ${etag}`, {
      headers: { etag },
    })
  }
  return noneMatchHits(headers['if-none-match'], etag) ? 'not modified' : 'send'
}

/** True when `If-None-Match` names the entity: the client has it already. Weak comparison (RFC 9110, 13.1.2). */
export function noneMatchHits(header: string | undefined, etag: string): boolean {
  return header !== undefined && listHas(header, etag, { weak: true })
}

/**
 * True when a `Range` may be honoured: no `If-Range`, or one with the same strong validator (RFC 9110, 13.1.5).
 * A date never matches: blobs have no modification time.
 */
export function ifRangeHolds(header: string | undefined, etag: string): boolean {
  return header === undefined || header.trim() === etag
}

function listHas(header: string, etag: string, { weak }: { weak: boolean }): boolean {
  if (header.trim() === '*') return true
  return header.split(',').some(candidate => {
    const text = candidate.trim()
    return (weak ? text.replace(/^W\//, '') : text) === etag
  })
}
