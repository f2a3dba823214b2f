/** Half-open: bytes start to end-1. */
export interface ByteRange {
  start: number
  end: number
}

export type RangeAnswer =
  /** no range applies: send everything with 200 */
  | { kind: 'whole' }
  | { kind: 'part'; range: ByteRange }
  /** 416 */
  | { kind: 'unsatisfiable' }

const SINGLE = /^(\d*)-(\d*)$/

/**
 * What a `Range` header asks of a representation of `size` bytes (RFC 9110, 14.1.2 and 14.2).
 * Another unit or a list of several ranges is ignored, as the RFC allows; a malformed or reversed one is refused.
 */
export function parseRange(header: string | undefined, size: number): RangeAnswer {
  const [unit, spec, ...rest] = header === undefined ? [] : header.split('=')
  if (spec === undefined || unit?.trim().toLowerCase() !== 'bytes') return { kind: 'whole' }
  if (rest.length > 0) return { kind: 'unsatisfiable' }
  if (spec.includes(',')) return { kind: 'whole' }

  const [match, first, last] = SINGLE.exec(spec.trim()) ?? []
  if (match === undefined || (first === '' && last === '')) return { kind: 'unsatisfiable' }
  if (first === '') return suffix(Number(last), size)

  const start = Number(first)
  const end = last === '' ? size : Math.min(Number(last) + 1, size)
  return start < end ? { kind: 'part', range: { start, end } } : { kind: 'unsatisfiable' }
}

function suffix(length: number, size: number): RangeAnswer {
  if (length === 0) return { kind: 'unsatisfiable' }
  // satisfiable, but Content-Range cannot express zero bytes
  if (size === 0) return { kind: 'whole' }
  return { kind: 'part', range: { start: Math.max(0, size - length), end: size } }
}
