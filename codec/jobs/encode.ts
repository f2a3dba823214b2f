import { CodecError } from '../errors.ts'
import { Allotment, type Arena } from '../host/arena.ts'
import type { Blocks, Engine } from '../host/engine.ts'
import { type Phase, PhaseBuilder } from '../host/phase.ts'
import { encodeShards, JobBlock, ScratchBlock } from '../host/scratch.ts'
import { CopyTurns } from '../host/turns.ts'
import { computeBlobId } from '../metadata.ts'
import type { BlobMetadata } from '../types.ts'
import { type BlobLayout, type Extent, layOutBlob, symbolsAt, writeFrame } from './blob-layout.ts'

/** Bytes that a batch of small symbols makes up together: shards of this width keep a transform in the cache. */
const BATCH_BYTES = 512
/** Tasks per thread, so that none waits long for the last one. */
const TASKS_PER_THREAD = 16
const PIECE_BLOCKS = 8
const MEMO_ENTRIES = 65_536
const MEMO_ENTRIES_PER_UNIT = 4096
const ROWS_PER_TREE_UNIT = 16

/** Everything about an encode but the data: where what lies, and which phases there are. */
export interface EncodePlan {
  layout: BlobLayout
  blocks: Blocks
  jobBlock: JobBlock
  scratchBlocks: ScratchBlock[]
  batch: number
  /** rows from here to p are zero */
  zeroFrom: number
  /** zeros for the hash of a zero symbol */
  zeros: number
  rowRoots: number
  columnRoots: number
  pairs: number
  root: number
}

/** Plans an encode of a blob whose message matrix is, or will be, in the layout's rows. */
export function planEncode(allotment: Allotment, layout: BlobLayout, threads: number): EncodePlan {
  const { n, p, s, symbolSize, unencodedLength } = layout
  const batch = batchSize(n, symbolSize, threads)
  const rowShards = encodeShards(n, s)
  const columnShards = encodeShards(n, p)
  const zeroFrom = Math.max(1, Math.min(p, Math.ceil(unencodedLength / (s * symbolSize))))
  const jobBlock = new JobBlock(allotment, {
    n,
    symbolSize,
    pieceBlocks: PIECE_BLOCKS,
    memo: symbolSize === 2 && n * n > 2 * MEMO_ENTRIES,
    matrix: true,
  })
  const needs = {
    n,
    symbolSize,
    batch,
    pieceBlocks: PIECE_BLOCKS,
    workShards: Math.max(rowShards.workShards, columnShards.workShards),
    repairShards: Math.max(rowShards.repairShards, columnShards.repairShards),
    repairSymbols: Math.max(n - p, 1),
    hashedWords: batch,
  }
  const scratchBlocks = Array.from({ length: threads }, () => new ScratchBlock(allotment, needs))
  return {
    layout,
    blocks: { job: jobBlock.address, scratch: scratchBlocks.map(block => block.address) },
    jobBlock,
    scratchBlocks,
    batch,
    zeroFrom,
    zeros: allotment.take(symbolSize + 64) + 8,
    rowRoots: allotment.take(n * 32),
    columnRoots: allotment.take(n * 32),
    pairs: allotment.take(n * 64 + 64) + 8,
    root: allotment.take(32),
  }
}

function batchSize(n: number, symbolSize: number, threads: number): number {
  const wide = Math.max(1, Math.floor(BATCH_BYTES / symbolSize))
  const shared = threads > 1 ? Math.max(1, Math.ceil(n / (threads * TASKS_PER_THREAD))) : wide
  const batch = Math.min(wide, shared)
  return batch > 1 ? batch - (batch % 2) : batch
}

/** Writes the plan's blocks and the slivers' frames; zeroes what no phase writes. */
export function prepareEncode(arena: Arena, plan: EncodePlan, kernelTables: Uint8Array): void {
  const { layout, zeroFrom } = plan
  const { p, n, s, symbolSize, rows, columns } = layout
  plan.jobBlock.write(arena, kernelTables)
  for (const block of plan.scratchBlocks) block.write(arena)
  const { bytes } = arena
  bytes.fill(0, plan.zeros - 8, plan.zeros + symbolSize + 56)
  for (let i = rows.first; i < rows.end; i++) writeFrame(bytes, rows, i, symbolSize)
  for (let j = columns.first; j < columns.end; j++) writeFrame(bytes, columns, j, symbolSize)
  for (let j = s; j < n && zeroFrom < p; j++) {
    const at = symbolsAt(columns, j)
    bytes.fill(0, at + zeroFrom * symbolSize, at + p * symbolSize)
  }
}

/** Copies the blob into the rows of the message matrix, zero-padded, in turns. */
export async function loadMessage(
  arena: Arena,
  { p, rows }: BlobLayout,
  data: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const turns = new CopyTurns(signal)
  for (let i = 0; i < p; i++) {
    const row = data.subarray(
      Math.min(i * rows.body, data.length),
      Math.min((i + 1) * rows.body, data.length),
    )
    const at = symbolsAt(rows, i)
    arena.bytes.set(row, at)
    arena.bytes.fill(0, at + row.length, at + rows.body)
    await turns.copied(rows.body)
  }
}

/** Expands the message in memory and hashes everything; with all slivers kept or not, as the layout says. */
export async function runEncode(
  engine: Engine,
  arena: Arena,
  plan: EncodePlan,
  signal?: AbortSignal,
): Promise<{ metadata: BlobMetadata; rootHash: Uint8Array }> {
  for (const phase of [
    knownHashes(plan),
    expandRows(plan),
    expandColumns(plan),
    rowTrees(plan),
    seal(plan),
  ]) {
    if (phase !== undefined) await engine.run(arena, phase, plan.blocks, signal)
  }
  const { n, unencodedLength } = plan.layout
  const rootHash = arena.bytes.slice(plan.root, plan.root + 32)
  const metadata: BlobMetadata = {
    blobId: computeBlobId(unencodedLength, rootHash),
    encodingType: 'RS2',
    unencodedLength,
    nShards: n,
    hashes: arena.bytes.slice(plan.pairs, plan.pairs + 64 * n),
  }
  return { metadata, rootHash }
}

/** Hashes that many leaves share: zero symbols, and symbols of two bytes. */
function knownHashes({ layout, jobBlock, zeroFrom, zeros }: EncodePlan): Phase | undefined {
  const phase = new PhaseBuilder()
  const hasZeros = zeroFrom < layout.p
  if (hasZeros) phase.unit().call('fillZeroHashes', jobBlock.zeroHashes, zeros, layout.symbolSize)
  for (let entry = 0; jobBlock.memo !== 0 && entry < MEMO_ENTRIES; entry += MEMO_ENTRIES_PER_UNIT) {
    phase.unit().call('fillLeafMemo', jobBlock.memo, entry, entry + MEMO_ENTRIES_PER_UNIT)
  }
  return hasZeros || jobBlock.memo !== 0 ? phase.build() : undefined
}

/** Rows s -> n: the columns from s on. */
function expandRows({ layout, batch, zeroFrom }: EncodePlan): Phase {
  const { s, symbolSize, rows, columns } = layout
  const phase = new PhaseBuilder()
  for (let i = 0; i < zeroFrom; i += batch) {
    const count = Math.min(batch, zeroFrom - i)
    const target = symbolsAt(columns, s) + i * symbolSize
    phase
      .unit()
      .call('expandTo', s, symbolsAt(rows, i), symbolSize, rows.stride, count, target, columns.stride)
  }
  return phase.build()
}

/** Columns p -> n: the rows from p on, all leaf hashes and the columns' trees. */
function expandColumns(plan: EncodePlan): Phase {
  const { layout, batch, zeroFrom, columnRoots } = plan
  const { n, p, s, symbolSize, rows, columns, extent } = layout
  const phase = new PhaseBuilder()
  const add = (j: number, count: number, source: number, symbolStride: number, wordStride: number) => {
    const words = [p, zeroFrom, source, symbolStride, wordStride, count]
    phase
      .unit()
      .call('expand', ...words)
      .call('hashSymbols', ...words)
    if (extent === 'slivers' && j < s) {
      phase.call('copyRepair', p, symbolsAt(rows, p) + j * symbolSize, rows.stride, count * symbolSize)
      const target = symbolsAt(columns, j)
      phase.call('copyWords', p, source, symbolStride, wordStride, count, target, columns.stride)
    }
    phase.call('keepLeaves', j, count, zeroFrom, p)
    phase.call('wordRoots', columnRoots + 32 * j, count, zeroFrom, p)
  }
  for (let j = 0; j < s; j += batch) {
    add(j, Math.min(batch, s - j), symbolsAt(rows, 0) + j * symbolSize, rows.stride, symbolSize)
  }
  for (let j = s; j < n; j += batch) {
    add(j, Math.min(batch, n - j), symbolsAt(columns, j), symbolSize, columns.stride)
  }
  return phase.build()
}

function rowTrees({ layout: { n, p }, zeroFrom, rowRoots }: EncodePlan): Phase {
  const phase = new PhaseBuilder()
  for (let i = 0; i < n; i += ROWS_PER_TREE_UNIT) {
    phase.unit().call('rowRoots', rowRoots, i, Math.min(n, i + ROWS_PER_TREE_UNIT), zeroFrom, p)
  }
  return phase.build()
}

function seal({ layout: { p }, zeroFrom, rowRoots, columnRoots, pairs, root }: EncodePlan): Phase {
  return new PhaseBuilder()
    .unit()
    .call('sealMetadata', rowRoots, columnRoots, zeroFrom, p, pairs, root)
    .build()
}

/** Lays out memory for an encode. Throws BLOB_TOO_LARGE, and OUT_OF_MEMORY where WebAssembly cannot address it. */
export function allotEncode(
  nShards: number,
  unencodedLength: number,
  extent: Extent,
  threads: number,
): { allotment: Allotment; plan: EncodePlan } {
  const allotment = new Allotment()
  const layout = layOutBlob(allotment, nShards, unencodedLength, extent)
  const plan = planEncode(allotment, layout, threads)
  return { allotment, plan }
}

/** Frees an arena however the encode ends, unless it is handed over to the caller. */
export async function encodeInto(
  engine: Engine,
  data: Uint8Array,
  nShards: number,
  extent: Extent,
  signal?: AbortSignal,
): Promise<{ arena: Arena; layout: BlobLayout; metadata: BlobMetadata; rootHash: Uint8Array }> {
  signal?.throwIfAborted()
  if (!(data instanceof Uint8Array)) throw new CodecError('INVALID_ARGUMENT', 'the blob must be a Uint8Array')
  const { allotment, plan } = allotEncode(nShards, data.length, extent, engine.pool.threads)
  const arena = engine.arenas.acquire(allotment.size)
  try {
    prepareEncode(arena, plan, engine.field.kernelTables)
    await loadMessage(arena, plan.layout, data, signal)
    const result = await runEncode(engine, arena, plan, signal)
    return { arena, layout: plan.layout, ...result }
  } catch (error) {
    engine.arenas.release(arena)
    throw error
  }
}
