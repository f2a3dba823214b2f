/**
 * Differential fuzzing of the codec against `@mysten/walrus-wasm`: random shards, sizes, kernels and threads; slivers and
 * blob ID must be the same bytes. Then decodes and recoveries from random subsets, and damaged slivers, which must end in
 * the right bytes or a typed error; streams, proofs against encoders that cheat, and quilts, against `@mysten/walrus`; many
 * calls at once on one codec, some aborted. Stops with the seed of the first failure.
 */
import { runCodecFuzz } from '../codec/support/fuzz-case.ts'
import type { FuzzOptions } from './main.ts'

const REPORT_MS = 10_000

export async function run({ minutes, seed }: FuzzOptions): Promise<void> {
  const end = performance.now() + minutes * 60_000
  let reported = performance.now()
  console.log(`seed ${seed}`)
  const cases = await runCodecFuzz(seed, count => {
    if (performance.now() - reported > REPORT_MS) {
      reported = performance.now()
      console.log(`seed ${seed}: ${count} cases`)
    }
    return performance.now() < end
  })
  console.log(`${cases} cases, no difference`)
}
