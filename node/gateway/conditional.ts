/** True when `If-None-Match` names the entity: the client has it already. Weak comparison (RFC 9110, 13.1.2). */
export function noneMatchHits(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  return header.split(',').some(candidate => candidate.trim().replace(/^W\//, '') === etag)
}

/**
 * True when a `Range` may be honoured: no `If-Range`, or one with the same strong validator (RFC 9110, 13.1.5).
 * A date never matches: blobs have no modification time.
 */
export function ifRangeHolds(header: string | undefined, etag: string): boolean {
  return header === undefined || header.trim() === etag
}
