import type { Axis, SliverBytes, SliverPairIndex, SliverRef } from '../../../codec/index.ts'
import { type EncodedBlob, encodingParams } from '../../../codec/index.ts'

/** Marsaglia's xorshift32, words in little-endian order: what the vectors' data was made by. */
export function xorshiftBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(length / 4) * 4)
  const view = new DataView(bytes.buffer)
  let state = seed >>> 0
  for (let at = 0; at < length; at += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    view.setUint32(at, state, true)
  }
  return bytes.subarray(0, length)
}

/** A repeatable source of integers below a bound. */
export function xorshiftIntegers(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
}

/** `count` distinct integers below `n`, in random order. */
export function sample(random: (below: number) => number, n: number, count: number): number[] {
  const all = Array.from({ length: n }, (_, i) => i)
  for (let i = 0; i < count; i++) {
    const j = i + random(n - i)
    const taken = all[j]!
    all[j] = all[i]!
    all[i] = taken
  }
  return all.slice(0, count)
}

export function ref(pair: number, axis: Axis): SliverRef {
  return { pair: pair as SliverPairIndex, axis }
}

export function sliversOf(blob: EncodedBlob, axis: Axis, pairs: readonly number[]): SliverBytes[] {
  return pairs.map(pair => ({ ref: ref(pair, axis), bytes: blob.sliver(ref(pair, axis)) }))
}

/** Slivers enough to decode along an axis. */
export function enough(nShards: number, axis: Axis): number {
  const { primarySymbols, secondarySymbols } = encodingParams(nShards)
  return axis === 'primary' ? primarySymbols : secondarySymbols
}
