import { CodecError } from '../errors.ts'
import { Allotment, type Arena } from '../host/arena.ts'
import { copyBytes } from '../host/copy.ts'
import type { Blocks, Engine } from '../host/engine.ts'
import { fillLeafTable, LEAF_TABLE_ENTRIES } from '../host/leaf-table.ts'
import { type Phase, PhaseBuilder } from '../host/phase.ts'
import { encodeShards, JobBlock, ScratchBlock } from '../host/scratch.ts'
import { CopyTurns } from '../host/turns.ts'
import { computeBlobId } from '../metadata.ts'
import type { BlobMetadata } from '../types.ts'
import { type BlobLayout, type Extent, layOutBlob, symbolsAt, writeFrame } from './blob-layout.ts'

/** Bytes that a batch of small symbols makes up together: shards of this width keep a transform in a cache of 1 MiB. */
const BATCH_BYTES = 640
/** Tasks per thread, so that none waits long for the last one. */
const TASKS_PER_THREAD = 16
const PIECE_BLOCKS = 8
const ROWS_PER_TREE_UNIT = 16
/** Blobs from here on are loaded in parts, and expanded meanwhile: copying takes a fifth of a second per GiB. */
const OVERLAP_BYTES = 8 * 2 ** 20
const OVERLAP_PARTS = 4

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

export interface EncodeResult {
  metadata: BlobMetadata
  rootHash: Uint8Array
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
    memo: symbolSize === 2 && n * n > 2 * LEAF_TABLE_ENTRIES,
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
    leaves: 0,
    trees: ROWS_PER_TREE_UNIT,
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

/** Copies rows [from, to) of the blob into the message matrix, zero-padded, in turns. */
async function loadRows(
  arena: Arena,
  { rows }: BlobLayout,
  data: Uint8Array,
  [from, to]: readonly [number, number],
  turns: CopyTurns,
): Promise<void> {
  for (let i = from; i < to; i++) {
    const row = data.subarray(
      Math.min(i * rows.body, data.length),
      Math.min((i + 1) * rows.body, data.length),
    )
    const at = symbolsAt(rows, i)
    copyBytes(arena.bytes, at, row)
    arena.bytes.fill(0, at + row.length, at + rows.body)
    await turns.copied(rows.body)
  }
}

/** Loads the message; while threads expand some rows, the next ones are copied in. */
async function loadAndExpandRows(
  engine: Engine,
  arena: Arena,
  plan: EncodePlan,
  data: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const { layout, batch, zeroFrom } = plan
  const { p } = layout
  const parts = data.length >= OVERLAP_BYTES ? OVERLAP_PARTS : 1
  const step = Math.ceil(p / parts / batch) * batch
  const turns = new CopyTurns(signal)
  let expanding: Promise<void> = Promise.resolve()
  try {
    for (let from = 0; from < p; from += step) {
      const to = Math.min(p, from + step)
      await loadRows(arena, layout, data, [from, to], turns)
      await expanding
      expanding = engine.run(arena, expandRows(plan, from, Math.min(to, zeroFrom)), plan.blocks, signal)
      // a failure is thrown by the next await, which may be some turns away
      expanding.catch(() => {})
    }
  } finally {
    // whatever happened, no thread may be at work when the memory is given back
    await expanding.catch(() => {})
  }
  await expanding
}

/** Encodes a message that is in memory already: the rows, then everything else. */
export async function runEncode(
  engine: Engine,
  arena: Arena,
  plan: EncodePlan,
  signal?: AbortSignal,
): Promise<EncodeResult> {
  await engine.run(arena, expandRows(plan, 0, plan.zeroFrom), plan.blocks, signal)
  return finishEncode(engine, arena, plan, signal)
}

/** After the rows: expands the columns and hashes everything, with all slivers kept or not, as the layout says. */
async function finishEncode(
  engine: Engine,
  arena: Arena,
  plan: EncodePlan,
  signal?: AbortSignal,
): Promise<EncodeResult> {
  for (const phase of [knownHashes(plan), expandColumns(plan), rowTrees(plan), seal(plan)]) {
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
  if (jobBlock.memo !== 0) fillLeafTable(phase, jobBlock.memo)
  return hasZeros || jobBlock.memo !== 0 ? phase.build() : undefined
}

/** Rows [from, to), s -> n: the columns from s on. */
function expandRows({ layout, batch }: EncodePlan, from: number, to: number): Phase {
  const { s, symbolSize, rows, columns } = layout
  const phase = new PhaseBuilder()
  for (let i = from; i < to; i += batch) {
    const count = Math.min(batch, to - i)
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
    const keep = extent === 'slivers' && j < s
    const targets = keep
      ? [symbolsAt(rows, p) + j * symbolSize, rows.stride, symbolsAt(columns, j), columns.stride]
      : [0, 0, 0, 0]
    phase
      .unit()
      .call('expand', ...words)
      .call('hashSymbols', ...words, j, ...targets)
    phase.call('wordRoots', columnRoots + 32 * j, j, count, zeroFrom, p)
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
): Promise<EncodeResult & { arena: Arena; layout: BlobLayout }> {
  signal?.throwIfAborted()
  if (!(data instanceof Uint8Array)) {
    throw new CodecError('INVALID_ARGUMENT', 'the blob must be a Uint8Array', { what: 'blob', value: data })
  }
  const { allotment, plan } = allotEncode(nShards, data.length, extent, engine.pool.threads)
  const arena = engine.arenas.acquire(allotment.size)
  try {
    prepareEncode(arena, plan, engine.field.kernelTables)
    await loadAndExpandRows(engine, arena, plan, data, signal)
    const result = await finishEncode(engine, arena, plan, signal)
    return { arena, layout: plan.layout, ...result }
  } catch (error) {
    engine.arenas.release(arena)
    throw error
  }
}
