import { expectInteger } from './bytes.ts'
import { CodecError, invalidArgument } from './errors.ts'
import type { Axis } from './types.ts'

/**
 * With more, the originals or the repairs of a code, filled up to a power of two, and the others would together be more
 * than the field's 65,536 elements. (Below 4 no fault is tolerated, but the code still works.)
 */
export const MAX_SHARDS = 49_155
/** A symbol's size is a u16, and even: elements have two bytes. */
export const MAX_SYMBOL_SIZE = 65_534
/** `symbol_size` u16 and `index` u16 that follow a sliver's symbols. */
export const SLIVER_TRAILER = 4
const MIB = 2 ** 20

/** The shape of a blob's matrix, which the number of shards alone decides. */
export interface EncodingParams {
  nShards: number
  /** f = floor((n-1)/3): how many shards may fail */
  maxFaulty: number
  /** p = n - 2f: rows of the message matrix, and primary slivers enough to decode */
  primarySymbols: number
  /** s = n - f: columns of the message matrix, and secondary slivers enough to decode */
  secondarySymbols: number
}

/** How Red Stuff divides a blob among `nShards` shards. */
export function encodingParams(nShards: number): EncodingParams {
  expectInteger(nShards, 1, MAX_SHARDS, 'number of shards')
  const maxFaulty = Math.floor((nShards - 1) / 3)
  return {
    nShards,
    maxFaulty,
    primarySymbols: nShards - 2 * maxFaulty,
    secondarySymbols: nShards - maxFaulty,
  }
}

/** The largest blob in bytes: p * s symbols of the largest size. */
export function maxBlobSize(nShards: number): number {
  const { primarySymbols, secondarySymbols } = encodingParams(nShards)
  return primarySymbols * secondarySymbols * MAX_SYMBOL_SIZE
}

/**
 * Bytes per symbol: ceil(max(length, 1) / (p * s)), rounded up to even.
 * Throws BLOB_TOO_LARGE with the limit.
 */
export function symbolSize(nShards: number, unencodedLength: number): number {
  const { primarySymbols, secondarySymbols } = encodingParams(nShards)
  if (!Number.isSafeInteger(unencodedLength) || unencodedLength < 0) {
    throw invalidArgument('length of the blob', unencodedLength)
  }
  const size = Math.ceil(Math.max(unencodedLength, 1) / (primarySymbols * secondarySymbols))
  const even = size + (size % 2)
  if (even > MAX_SYMBOL_SIZE) {
    const maxBytes = maxBlobSize(nShards)
    throw new CodecError(
      'BLOB_TOO_LARGE',
      `a blob of ${unencodedLength} bytes is too large: ${nShards} shards hold at most ${maxBytes} bytes`,
      { maxBytes, actualBytes: unencodedLength },
    )
  }
  return even
}

/** Symbols in one sliver: a primary sliver is a row (s symbols), a secondary one a column (p symbols). */
export function sliverSymbols(nShards: number, axis: Axis): number {
  const { primarySymbols, secondarySymbols } = encodingParams(nShards)
  return axis === 'primary' ? secondarySymbols : primarySymbols
}

/** Bytes of one sliver in BCS (`SliverData`): length prefix, symbols, symbol size, index. */
export function sliverLength(nShards: number, unencodedLength: number, axis: Axis): number {
  const body = sliverSymbols(nShards, axis) * symbolSize(nShards, unencodedLength)
  return ulebLength(body) + body + SLIVER_TRAILER
}

/** Bytes that storing a blob takes on all shards together, metadata included; this is what is paid for. */
export function encodedSize(nShards: number, unencodedLength: number): number {
  const { primarySymbols, secondarySymbols } = encodingParams(nShards)
  const slivers = nShards * (primarySymbols + secondarySymbols) * symbolSize(nShards, unencodedLength)
  return slivers + nShards * (64 * nShards + 32)
}

/** Storage is charged in units of 1 MiB, rounded up. */
export function storageUnits(encodedBytes: number): number {
  return Math.ceil(encodedBytes / MIB)
}

/** Bytes of a BCS length prefix. */
export function ulebLength(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}
