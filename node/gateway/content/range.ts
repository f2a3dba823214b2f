/** Half-open: bytes start to end-1. */
export interface ByteRange {
  start: number
  end: number
}

export type RangeAnswer =
  /** no range applies: send everything with 200 */
  | { kind: 'whole' }
  /** one with 206; several as `multipart/byteranges` */
  | { kind: 'parts'; ranges: readonly [ByteRange, ...ByteRange[]] }
  /** 416 */
  | { kind: 'unsatisfiable' }

const SINGLE = /^(\d*)-(\d*)$/
/** A longer list is that of an attacker (RFC 9110, 14.2), and ignored. */
const MAX_RANGES = 32

/**
 * What a `Range` header asks of a representation of `size` bytes (RFC 9110, 14.1.2 and 14.2). Another unit is ignored, as the
 * RFC allows, and so is a list that is long or asks for more than there is; of others the ranges that there are not are left
 * out. A malformed or reversed one is refused.
 */
export function parseRange(header: string | undefined, size: number): RangeAnswer {
  const [unit, spec, ...rest] = header === undefined ? [] : header.split('=')
  if (spec === undefined || unit?.trim().toLowerCase() !== 'bytes') return { kind: 'whole' }
  if (rest.length > 0) return { kind: 'unsatisfiable' }
  const specs = spec.split(',').map(one => one.trim())
  if (specs.length > MAX_RANGES) return { kind: 'whole' }
  const ranges: ByteRange[] = []
  for (const one of specs) {
    if (one === '' && specs.length > 1) continue // an empty element of a list means nothing
    const range = parseOne(one, size)
    if (range === 'whole') return { kind: 'whole' }
    if (range === 'malformed') return { kind: 'unsatisfiable' }
    if (range !== undefined) ranges.push(range)
  }
  const [first, ...others] = ranges
  if (first === undefined) return { kind: 'unsatisfiable' }
  if (others.length > 0 && lengthOf(ranges) > size) return { kind: 'whole' }
  return { kind: 'parts', ranges: [first, ...others] }
}

/** Bytes of all of them. */
export function lengthOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0)
}

/** Undefined: well-formed, and beyond the end. */
function parseOne(spec: string, size: number): ByteRange | 'whole' | 'malformed' | undefined {
  const [match, first, last] = SINGLE.exec(spec) ?? []
  if (match === undefined || (first === '' && last === '')) return 'malformed'
  if (first === '') {
    if (Number(last) === 0) return undefined
    // satisfiable, but Content-Range cannot express zero bytes
    return size === 0 ? 'whole' : { start: Math.max(0, size - Number(last)), end: size }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return 'malformed'
  const end = last === '' ? size : Math.min(Number(last) + 1, size)
  return start < end ? { start, end } : undefined
}
