import type { Allotment, Arena } from './arena.ts'
import { KERNEL_TABLES } from './field.ts'

/** Three message blocks, and three hash states twice. */
const MESSAGE_BYTES = 384 + 2 * 192
/** Bytes of the zero hashes: 18 levels. */
const ZERO_HASHES = 18 * 32
const MEMO_BYTES = 65_536 * 32

/** What a job's threads need scratch for. */
export interface ScratchNeeds {
  n: number
  symbolSize: number
  /** symbols handled side by side */
  batch: number
  pieceBlocks: number
  /** work shards of the largest transform */
  workShards: number
  /** work shards for the repair symbols of low-rate codes */
  repairShards: number
  /** repair symbols kept for a batch */
  repairSymbols: number
  /** codewords whose leaf hashes are kept here, where there is no matrix of them */
  leaves: number
  /** trees that are reduced side by side; 0: nothing is hashed */
  trees: number
}

export interface JobNeeds {
  n: number
  symbolSize: number
  pieceBlocks: number
  /** the table of two-byte leaves pays */
  memo: boolean
  /** the leaf matrix for the row trees */
  matrix: boolean
}

/** The job's block for `configure` and what it points to. */
export class JobBlock {
  readonly address: number
  readonly tables: number
  readonly zeroHashes: number
  readonly memo: number
  readonly matrix: number
  readonly #needs: JobNeeds

  constructor(allotment: Allotment, needs: JobNeeds) {
    this.#needs = needs
    this.address = allotment.take(64)
    this.tables = allotment.take(KERNEL_TABLES)
    this.zeroHashes = allotment.take(ZERO_HASHES)
    this.memo = needs.memo ? allotment.take(MEMO_BYTES, 4096) : 0
    this.matrix = needs.matrix ? allotment.take(needs.n * needs.n * 32, 4096) : 0
  }

  write(arena: Arena, kernelTables: Uint8Array): void {
    const { n, symbolSize, pieceBlocks } = this.#needs
    arena.bytes.set(kernelTables, this.tables)
    arena
      .u32(this.address, 7)
      .set([n, symbolSize, pieceBlocks, this.tables, this.zeroHashes, this.memo, this.matrix])
  }
}

/** One thread's block for `configure` and its scratch memory. */
export class ScratchBlock {
  readonly address: number
  /** where the kernel leaves repair symbols, and the bytes from one to the next */
  readonly repair: number
  readonly repairStride: number
  /** of memory that it takes */
  readonly bytes: number
  readonly #fields: readonly number[]

  constructor(allotment: Allotment, needs: ScratchNeeds) {
    const { n, symbolSize, batch } = needs
    const before = allotment.size
    const shard = shardBytes(needs)
    const planeLength = 2 * shard + 256
    this.repairStride = align(batch * symbolSize) + 32
    const treeBytes = (n + 1) * 32
    this.address = allotment.take(64)
    // half a page apart, so that the two do not fall into the same cache sets
    const work = allotment.take(needs.workShards * shard + 4096, 4096)
    const workRepair = allotment.take(needs.repairShards * shard + 4096, 4096) + 2048
    const plane = allotment.take(2 * planeLength + 512)
    this.repair = allotment.take(needs.repairSymbols * this.repairStride + 4096, 4096)
    const leaves = allotment.take(needs.leaves * n * 32 + 64)
    const tree = allotment.take(needs.trees * treeBytes)
    const message = allotment.take(MESSAGE_BYTES)
    this.bytes = allotment.size - before
    this.#fields = [
      work,
      workRepair,
      plane,
      planeLength,
      this.repair,
      this.repairStride,
      leaves,
      tree,
      message,
    ]
  }

  write(arena: Arena): void {
    arena.u32(this.address, this.#fields.length).set(this.#fields)
  }
}

export function powerOfTwo(x: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, x)))
}

/** Work shards that encoding `originals` symbols to n takes, for both layouts of the code. */
export function encodeShards(n: number, originals: number): { workShards: number; repairShards: number } {
  const repairs = n - originals
  const chunk = powerOfTwo(repairs)
  const whole = powerOfTwo(originals)
  return {
    workShards: Math.max(whole, Math.ceil(originals / chunk) * chunk),
    repairShards: chunk >= whole ? whole : 0,
  }
}

/** Room for a work shard: of a batch of symbols, or of one piece of a symbol that is cut, see `pieceCount` in kernel/assembly/shards.ts. */
function shardBytes({ symbolSize, batch, pieceBlocks }: ScratchNeeds): number {
  // a last piece is longer by up to a block
  const piece = pieceBlocks * 64 + 64
  if (batch === 1 && symbolSize > piece) return piece + 64
  return Math.max(align(batch * symbolSize) + 32, piece + 64)
}

function align(bytes: number): number {
  return Math.ceil(bytes / 32) * 32
}
