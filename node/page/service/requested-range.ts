import type { ByteRange } from '../../client/types.ts'

/** What players get of an open range: they ask again for what follows, and seek without waiting for the rest. */
export const OPEN_RANGE_BYTES = 1024 * 1024

/**
 * What a `Range` header asks of so many bytes: undefined for the whole, which also stands for a header that is none or names several
 * ranges (RFC 9110, 14.2); `unsatisfiable` when nothing of it is there.
 */
export function requestedRange(header: string | null, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return undefined
  if (first === '') {
    const suffix = Math.min(Number(last), size)
    return suffix === 0 ? 'unsatisfiable' : { start: size - suffix, end: size }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return undefined
  if (start >= size) return 'unsatisfiable'
  const end = last === '' ? start + OPEN_RANGE_BYTES : Number(last) + 1
  return { start, end: Math.min(end, size) }
}
