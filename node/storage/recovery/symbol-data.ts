import { concatBytes } from '../../../base/bytes.ts'
import type { ProvenSymbol } from '../../../codec/index.ts'

const DIGEST_BYTES = 32

/** Bytes of a symbol's Merkle path as `recover` has it: a digest for each level, an absent sibling as zeros. */
export function pathBytes(nShards: number): number {
  return nShards <= 1 ? 0 : Math.ceil(Math.log2(nShards)) * DIGEST_BYTES
}

/** Symbols with their paths, one after the other. */
export function joinProven(symbols: readonly ProvenSymbol[]): Uint8Array {
  return concatBytes(...symbols.flatMap(({ data, path }) => [data, ...path]))
}

/** One symbol with its path out of what `joinProven` made for many. */
export function provenAt(
  joined: Uint8Array,
  at: number,
  { index, nShards, symbolSize }: { index: number; nShards: number; symbolSize: number },
): ProvenSymbol {
  const levels = pathBytes(nShards) / DIGEST_BYTES
  const start = at * (symbolSize + levels * DIGEST_BYTES)
  const digest = (level: number) => start + symbolSize + level * DIGEST_BYTES
  return {
    index,
    data: joined.subarray(start, start + symbolSize),
    path: Array.from({ length: levels }, (_, i) => joined.subarray(digest(i), digest(i + 1))),
  }
}
