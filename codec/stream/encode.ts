import { equalBytes } from '../../base/bytes.ts'
import { CodecError } from '../errors.ts'
import { Allotment, type Arena } from '../host/arena.ts'
import type { Blocks, Engine } from '../host/engine.ts'
import { type Phase, PhaseBuilder } from '../host/phase.ts'
import { encodeShards, JobBlock, ScratchBlock } from '../host/scratch.ts'
import { computeBlobId } from '../metadata.ts'
import { sliverRef } from '../recovery.ts'
import type { BlobMetadata } from '../types.ts'
import { type StreamGeometry, streamGeometry, writeFrame } from './geometry.ts'
import { forEachConcurrently } from './io.ts'
import type { BlobSource, EncodeStreamInput } from './ports.ts'

const PIECE_BLOCKS = 8
/** Symbols of small blobs are handled side by side, as in jobs/encode.ts. */
const BATCH_BYTES = 512
const ROWS_PER_TREE_UNIT = 16

export interface StreamPlan {
  geometry: StreamGeometry
  blocks: Blocks
  jobBlock: JobBlock
  scratchBlocks: ScratchBlock[]
  batch: number
  /** what is read: a group of rows, or of columns */
  input: number
  /** their repair symbols */
  repairs: number
  /** columns as secondary slivers have them */
  transposed: number
  rowRoots: number
  columnRoots: number
  /** the first repair row below s, and the root of what it expands to */
  witness: number
  witnessRoot: number
  pairs: number
  root: number
}

/** See `StreamCodec.encodeStream`. */
export async function encodeStream(
  engine: Engine,
  input: EncodeStreamInput,
): Promise<{ metadata: BlobMetadata; rootHash: Uint8Array }> {
  const geometry = streamGeometry(input.nShards, input.source.length, input.windowBytes)
  const allotment = new Allotment()
  const plan = planEncodeStream(allotment, geometry, engine.pool.threads)
  // without repair symbols no pass can be checked by the other; a blob on so few shards has at most 590 KB
  const source = geometry.n === geometry.p ? await snapshot(input.source) : input.source
  return engine.withArena(
    allotment,
    async arena => {
      plan.jobBlock.write(arena, engine.field.kernelTables)
      for (const block of plan.scratchBlocks) block.write(arena)
      const pass = new EncodePass(engine, arena, plan, { ...input, source })
      await pass.rows()
      await pass.columns()
      return pass.seal()
    },
    input.signal,
  )
}

async function snapshot(source: BlobSource): Promise<BlobSource> {
  const bytes = new Uint8Array(source.length)
  if (bytes.length > 0) await source.read(0, bytes)
  return {
    length: bytes.length,
    async read(offset, target) {
      target.set(bytes.subarray(offset, offset + target.length))
    },
  }
}

export function planEncodeStream(
  allotment: Allotment,
  geometry: StreamGeometry,
  threads: number,
): StreamPlan {
  const { n, p, s, symbol, rowBytes, columnBytes, rowGroup, columnGroup } = geometry
  const batch = Math.max(1, Math.min(Math.floor(BATCH_BYTES / symbol), rowGroup, columnGroup))
  const rowShards = encodeShards(n, s)
  const columnShards = encodeShards(n, p)
  const job = { n, symbolSize: symbol, pieceBlocks: PIECE_BLOCKS, memo: false, matrix: true }
  const jobBlock = new JobBlock(allotment, job)
  const needs = {
    ...job,
    batch,
    workShards: Math.max(rowShards.workShards, columnShards.workShards),
    repairShards: Math.max(rowShards.repairShards, columnShards.repairShards),
    repairSymbols: Math.max(n - p, 1),
    leaves: 0,
    trees: ROWS_PER_TREE_UNIT,
  }
  // scratch for more threads than there are batches in a window would be memory for nothing: 160 MiB each, at most
  const atOnce = Math.min(threads, Math.ceil(Math.max(rowGroup, columnGroup) / batch))
  const scratchBlocks = Array.from({ length: atOnce }, () => new ScratchBlock(allotment, needs))
  // the kernel reads a byte before a symbol, and some behind
  const room = (bytes: number) => allotment.take(bytes + 128) + 64
  return {
    geometry,
    blocks: { job: jobBlock.address, scratch: scratchBlocks.map(block => block.address) },
    jobBlock,
    scratchBlocks,
    batch,
    input: room(Math.max(rowGroup * rowBytes, columnGroup * columnBytes)),
    repairs: room(Math.max(rowGroup * (n - s), columnGroup * (n - p)) * symbol),
    transposed: room(columnGroup * columnBytes),
    rowRoots: allotment.take(n * 32),
    columnRoots: allotment.take(n * 32),
    witness: room(rowBytes),
    witnessRoot: allotment.take(32),
    pairs: room(n * 64),
    root: allotment.take(32),
  }
}

class EncodePass {
  readonly #engine: Engine
  readonly #arena: Arena
  readonly #plan: StreamPlan
  readonly #input: EncodeStreamInput
  readonly #keep: boolean

  constructor(engine: Engine, arena: Arena, plan: StreamPlan, input: EncodeStreamInput) {
    this.#engine = engine
    this.#arena = arena
    this.#plan = plan
    this.#input = input
    this.#keep = input.keep ?? true
  }

  /** Rows in order: their repair symbols are the columns from s on; the rows themselves are primary slivers. */
  async rows(): Promise<void> {
    const { geometry, input, repairs, batch } = this.#plan
    const { n, p, s, symbol, rowBytes, rowGroup, frames } = geometry
    const { slivers, source, nShards } = this.#input
    for (let first = 0; first < p; first += rowGroup) {
      const count = Math.min(rowGroup, p - first)
      await this.#readRows(first, count)
      const phase = new PhaseBuilder()
      for (let i = 0; i < count; i += batch) {
        const together = Math.min(batch, count - i)
        const target = repairs + i * symbol
        phase
          .unit()
          .call('expandTo', s, input + i * rowBytes, symbol, rowBytes, together, target, count * symbol)
      }
      await this.#run(phase.build())
      await this.#each(n - s, async k => {
        const at = frames.secondary.header.length + first * symbol
        await slivers.write(
          sliverRef(s + k, 'secondary', nShards),
          at,
          this.#bytes(repairs + k * count * symbol, count * symbol),
        )
      })
      if (this.#keep) {
        await this.#each(count, async i => {
          const ref = await writeFrame(slivers, geometry, first + i, 'primary')
          await slivers.write(ref, frames.primary.header.length, this.#bytes(input + i * rowBytes, rowBytes))
        })
      }
      this.#progress(Math.min(source.length, (first + count) * rowBytes), 0)
    }
  }

  /** Columns in groups, from strided pieces of the rows, or of the columns that the first pass wrote. */
  async columns(): Promise<void> {
    const { geometry, input } = this.#plan
    const { n, p, s, symbol, rowBytes, columnBytes, columnGroup, frames } = geometry
    const { slivers, source, nShards } = this.#input
    for (let first = 0; first < s; first += columnGroup) {
      const count = Math.min(columnGroup, s - first)
      const piece = count * symbol
      await this.#each(p, row =>
        this.#readSource(row * rowBytes + first * symbol, input + row * piece, piece),
      )
      await this.#run(this.#columnPhase(first, count, piece, symbol))
      if (this.#keep) await this.#writeColumns(first, count)
      this.#progress(source.length, Math.floor((source.length * first) / n))
    }
    for (let first = s; first < n; first += columnGroup) {
      const count = Math.min(columnGroup, n - first)
      await this.#each(count, async k => {
        const ref = sliverRef(first + k, 'secondary', nShards)
        await slivers.read(
          ref,
          frames.secondary.header.length,
          this.#bytes(input + k * columnBytes, columnBytes),
        )
        if (this.#keep) await writeFrame(slivers, geometry, first + k, 'secondary')
      })
      await this.#run(this.#columnPhase(first, count, symbol, columnBytes))
      this.#progress(source.length, Math.floor((source.length * first) / n))
    }
    if (this.#keep) {
      await this.#each(n - p, async k => {
        await writeFrame(slivers, geometry, p + k, 'primary')
      })
    }
  }

  async seal(): Promise<{ metadata: BlobMetadata; rootHash: Uint8Array }> {
    const { geometry, rowRoots, columnRoots, pairs, root } = this.#plan
    const { n, p } = geometry
    const trees = new PhaseBuilder()
    for (let i = 0; i < n; i += ROWS_PER_TREE_UNIT) {
      trees.unit().call('rowRoots', rowRoots, i, Math.min(n, i + ROWS_PER_TREE_UNIT), p, p)
    }
    await this.#run(trees.build())
    if (n > p) await this.#checkPasses()
    await this.#run(
      new PhaseBuilder().unit().call('sealMetadata', rowRoots, columnRoots, p, p, pairs, root).build(),
    )
    const rootHash = this.#bytes(root, 32).slice()
    const unencodedLength = this.#input.source.length
    const hashes = this.#bytes(pairs, 64 * n).slice()
    const blobId = computeBlobId(unencodedLength, rootHash)
    this.#progress(unencodedLength, unencodedLength)
    return { metadata: { blobId, encodingType: 'RS2', unencodedLength, nShards: n, hashes }, rootHash }
  }

  /**
   * The first repair row is a sum of all rows, each with a factor other than zero. Its symbols below s come from the
   * rows as the second pass read them, those from s on, by way of the repair columns, from the rows as the first pass
   * did. They make up a codeword only if both are of the same bytes: else the blob ID would be that of no blob. (A
   * change in one row and at most n - s symbols is noticed for certain, any other one unless made for the purpose.)
   */
  async #checkPasses(): Promise<void> {
    const { geometry, witness, witnessRoot, rowRoots } = this.#plan
    const { p, s, symbol, rowBytes } = geometry
    const words = [s, s, witness, symbol, rowBytes, 1]
    // in the place of the first column's leaf hashes, which nobody needs any more
    const phase = new PhaseBuilder()
      .unit()
      .call('expand', ...words)
      .call('hashSymbols', ...words, 0, 0, 0, 0, 0)
      .call('wordRoots', witnessRoot, 0, 1, s, s)
    await this.#run(phase.build())
    if (!equalBytes(this.#bytes(witnessRoot, 32), this.#bytes(rowRoots + 32 * p, 32))) {
      throw new CodecError('SOURCE_CHANGED', 'the source was changed while it was encoded', {})
    }
  }

  #columnPhase(first: number, count: number, symbolStride: number, wordStride: number): Phase {
    const { geometry, repairs, transposed, batch, columnRoots, witness, input } = this.#plan
    const { n, p, s, symbol, columnBytes } = geometry
    const phase = new PhaseBuilder()
    for (let k = 0; k < count; k += batch) {
      const together = Math.min(batch, count - k)
      const source = input + k * wordStride
      const words = [p, p, source, symbolStride, wordStride, together]
      const keep = this.#keep && first < s
      const rows = keep ? [repairs + k * symbol, count * symbol] : [0, 0]
      const columns = keep ? [transposed + k * columnBytes, columnBytes] : [0, 0]
      phase
        .unit()
        .call('expand', ...words)
        .call('hashSymbols', ...words, first + k, ...rows, ...columns)
      if (n > p && first < s) {
        // one repair symbol of each codeword: the first
        phase.call('copyRepair', n - 1, witness + (first + k) * symbol, 0, together * symbol)
      }
      phase.call('wordRoots', columnRoots + 32 * (first + k), first + k, together, p, p)
    }
    return phase.build()
  }

  async #writeColumns(first: number, count: number): Promise<void> {
    const { geometry, repairs, transposed } = this.#plan
    const { n, p, symbol, columnBytes, frames } = geometry
    const { slivers, nShards } = this.#input
    const piece = count * symbol
    await this.#each(n - p, k => {
      const at = frames.primary.header.length + first * symbol
      return slivers.write(sliverRef(p + k, 'primary', nShards), at, this.#bytes(repairs + k * piece, piece))
    })
    await this.#each(count, async k => {
      const ref = await writeFrame(slivers, geometry, first + k, 'secondary')
      await slivers.write(
        ref,
        frames.secondary.header.length,
        this.#bytes(transposed + k * columnBytes, columnBytes),
      )
    })
  }

  async #readRows(first: number, count: number): Promise<void> {
    const { input, geometry } = this.#plan
    const { rowBytes } = geometry
    await this.#each(count, i => this.#readSource((first + i) * rowBytes, input + i * rowBytes, rowBytes))
  }

  /** Reads `length` bytes of the message matrix: zeros behind the blob's end. */
  async #readSource(offset: number, address: number, length: number): Promise<void> {
    const { source } = this.#input
    const there = Math.max(0, Math.min(length, source.length - offset))
    if (there > 0) await source.read(offset, this.#bytes(address, there))
    this.#bytes(address + there, length - there).fill(0)
  }

  #each(count: number, work: (index: number) => Promise<void>): Promise<void> {
    return forEachConcurrently(count, work, this.#input.signal)
  }

  #bytes(address: number, length: number): Uint8Array {
    return this.#arena.bytes.subarray(address, address + length)
  }

  async #run(phase: Phase): Promise<void> {
    this.#input.signal?.throwIfAborted()
    await this.#engine.run(this.#arena, phase, this.#plan.blocks, this.#input.signal)
  }

  #progress(rows: number, columns: number): void {
    this.#input.onProgress?.(rows + columns, 2 * this.#input.source.length)
  }
}
