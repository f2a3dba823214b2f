/**
 * What a job is about and where its memory lies. The host writes two blocks of u32 into memory, one for the job and
 * one for each thread's scratch, and names them here before the first call. Every thread has an instance of its own,
 * hence globals of its own.
 */

/** symbols of an expanded row or column */
export let n: i32 = 0
/** bytes of a symbol, even */
export let symbolSize: i32 = 0
/** 64-byte blocks of one symbol that are worked on at a time when symbols are large */
export let pieceBlocks: i32 = 8

/** 256 x 32 bytes: products of c with the low and with the high nibble of a byte, in GF(256) */
export let gf256: usize = 0
/** 256 bytes: c * kappa */
export let kappaTable: usize = 0
/** 2 x 16 bytes: the change of basis Delta, for low and high nibbles */
export let deltaTable: usize = 0
/**
 * Shuffle masks: rotate by 24 bits, rotate by 16 bits, and sixteen bytes 0x0f. They are loaded from memory, since V8
 * builds a v128 constant anew at each use, which makes the hash 1.6 times as slow.
 */
export let masks: usize = 0

/** hashes of an all-zero subtree, 32 bytes for each level */
export let zeroHashes: usize = 0
/** leaf hashes of all 65,536 symbols of two bytes, or 0 */
export let leafMemo: usize = 0
/** leaf hashes, n x 32 bytes for each codeword: of all columns, for the row trees, or of some codewords in scratch */
export let leaves: usize = 0

/** work shards of a transform */
export let work: usize = 0
/** work shards of the repair symbols of a low-rate code */
export let workRepair: usize = 0
/** two planes: the low and the high bytes of one work shard */
export let plane: usize = 0
export let planeLength: usize = 0
/** repair symbols of one batch, `repairStride` bytes from one to the next */
export let repair: usize = 0
export let repairStride: usize = 0
/** (n + 1) x 32 bytes for each of some trees, reduced in place */
export let tree: usize = 0
/** 384 bytes: two interleaved message blocks, then one alone */
export let message: usize = 0
/** 192 bytes each: two interleaved hash states, then one alone */
export let state: usize = 0
export let initialState: usize = 0

export function configure(job: usize, scratch: usize): void {
  n = load<i32>(job, 0)
  symbolSize = load<i32>(job, 4)
  pieceBlocks = load<i32>(job, 8)
  const tables = <usize>load<u32>(job, 12)
  gf256 = tables
  kappaTable = tables + 8192
  deltaTable = tables + 8448
  masks = tables + 8480
  zeroHashes = load<u32>(job, 16)
  leafMemo = load<u32>(job, 20)

  work = load<u32>(scratch, 0)
  workRepair = load<u32>(scratch, 4)
  plane = load<u32>(scratch, 8)
  planeLength = load<u32>(scratch, 12)
  repair = load<u32>(scratch, 16)
  repairStride = load<u32>(scratch, 20)
  const matrix = <usize>load<u32>(job, 24)
  leaves = matrix != 0 ? matrix : <usize>load<u32>(scratch, 24)
  tree = load<u32>(scratch, 28)
  message = load<u32>(scratch, 32)
  state = message + 384
  initialState = state + 192
}
