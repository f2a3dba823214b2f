import { CodecError } from '../errors.ts'
import { Allotment, type Arena } from '../host/arena.ts'
import { copyBytes } from '../host/copy.ts'
import type { Blocks, Engine } from '../host/engine.ts'
import { newBytes } from '../host/memory.ts'
import { type Phase, PhaseBuilder } from '../host/phase.ts'
import { JobBlock, ScratchBlock } from '../host/scratch.ts'
import { CopyTurns } from '../host/turns.ts'
import type { DecodeInput, SliverBytes } from '../interface.ts'
import { encodingParams } from '../params.ts'
import { sliverBody, sliverIndex } from '../sliver.ts'
import type { Axis, BlobMetadata } from '../types.ts'
import { type BlobLayout, layOutBlob, symbolsAt } from './blob-layout.ts'
import { planEncode, prepareEncode, runEncode } from './encode.ts'
import { ErasurePlan } from './erasures.ts'

/** Narrower than for encoding: the transform is larger, and all of it is in use. */
const BATCH_BYTES = 192
const PIECE_BLOCKS = 3
const TASKS_PER_THREAD = 16

/** A sliver's symbols and its row or column. */
interface Source {
  index: number
  body: Uint8Array
}

/** See `Codec.decode`. */
export async function decodeBlob(engine: Engine, input: DecodeInput): Promise<Uint8Array> {
  const { metadata, verify = true, signal } = input
  signal?.throwIfAborted()
  const { axis, sources } = chooseSlivers(metadata, input.slivers)
  const { nShards, unencodedLength } = metadata
  const { threads } = engine.pool

  const allotment = new Allotment()
  const byRows = axis === 'primary'
  // the slivers received are placed where an encode would have put them
  const layout = layOutBlob(
    allotment,
    nShards,
    unencodedLength,
    'message',
    byRows,
    verify || !byRows,
    !byRows,
  )
  const decode = planDecode(allotment, layout, axis, sources, threads)
  const encode = verify ? planEncode(allotment, layout, threads) : undefined

  return engine.withArena(
    allotment,
    async arena => {
      await placeSlivers(arena, layout, axis, sources, signal)
      await runDecode(engine, arena, layout, decode, signal)
      if (encode !== undefined) {
        zeroPadding(arena, layout)
        prepareEncode(arena, encode, engine.field.kernelTables)
        const result = await runEncode(engine, arena, encode, signal)
        if (result.metadata.blobId !== metadata.blobId) throw mismatch(metadata)
      }
      return readMessage(arena, layout, signal)
    },
    signal,
  )
}

interface DecodePlan {
  blocks: Blocks
  jobBlock: JobBlock
  scratchBlocks: ScratchBlock[]
  erasures: ErasurePlan
  axis: Axis
  sources: readonly Source[]
  batch: number
}

/** Checks the slivers and takes as many of one axis as are needed, originals first: they need no decoding. */
function chooseSlivers(
  metadata: BlobMetadata,
  slivers: readonly SliverBytes[],
): { axis: Axis; sources: Source[] } {
  const { primarySymbols, secondarySymbols } = encodingParams(metadata.nShards)
  const byAxis = { primary: new Map<number, Uint8Array>(), secondary: new Map<number, Uint8Array>() }
  for (const { ref, bytes } of slivers) {
    const body = sliverBody(metadata, ref, bytes)
    const index = sliverIndex(ref, metadata.nShards)
    if (!byAxis[ref.axis].has(index)) byAxis[ref.axis].set(index, body)
  }
  const choose = (axis: Axis, count: number) => ({
    axis,
    sources: [...byAxis[axis]]
      .map(([index, body]) => ({ index, body }))
      .sort((a, b) => a.index - b.index)
      .slice(0, count),
  })
  if (byAxis.primary.size >= primarySymbols) return choose('primary', primarySymbols)
  if (byAxis.secondary.size >= secondarySymbols) return choose('secondary', secondarySymbols)
  throw new CodecError(
    'TOO_FEW_SLIVERS',
    `${primarySymbols} primary or ${secondarySymbols} secondary slivers are needed, ` +
      `there are ${byAxis.primary.size} and ${byAxis.secondary.size}`,
    {
      neededPrimary: primarySymbols,
      neededSecondary: secondarySymbols,
      gotPrimary: byAxis.primary.size,
      gotSecondary: byAxis.secondary.size,
    },
  )
}

function planDecode(
  allotment: Allotment,
  { n, p, s, symbolSize }: BlobLayout,
  axis: Axis,
  sources: readonly Source[],
  threads: number,
): DecodePlan {
  const originals = axis === 'primary' ? p : s
  const words = axis === 'primary' ? s : p
  const wide = Math.max(1, Math.floor(BATCH_BYTES / symbolSize))
  const batch = threads > 1 ? Math.min(wide, Math.ceil(words / (threads * TASKS_PER_THREAD))) : wide
  const received = sources.map(source => source.index)
  const erasures = new ErasurePlan(allotment, originals, n, received)
  const jobBlock = new JobBlock(allotment, {
    n,
    symbolSize,
    pieceBlocks: PIECE_BLOCKS,
    memo: false,
    matrix: false,
  })
  const needs = {
    n,
    symbolSize,
    batch,
    pieceBlocks: PIECE_BLOCKS,
    workShards: erasures.geometry.size,
    repairShards: 0,
    repairSymbols: 1,
    leaves: 0,
    trees: 0,
  }
  const scratchBlocks = Array.from({ length: threads }, () => new ScratchBlock(allotment, needs))
  const blocks = { job: jobBlock.address, scratch: scratchBlocks.map(block => block.address) }
  return { blocks, jobBlock, scratchBlocks, erasures, axis, sources, batch }
}

async function placeSlivers(
  arena: Arena,
  layout: BlobLayout,
  axis: Axis,
  sources: readonly Source[],
  signal?: AbortSignal,
): Promise<void> {
  const turns = new CopyTurns(signal)
  const slivers = axis === 'primary' ? layout.rows : layout.columns
  for (const { index, body } of sources) {
    copyBytes(arena.bytes, symbolsAt(slivers, index), body)
    await turns.copied(body.length)
  }
}

/** Fills in the message's rows. */
async function runDecode(
  engine: Engine,
  arena: Arena,
  layout: BlobLayout,
  plan: DecodePlan,
  signal?: AbortSignal,
): Promise<void> {
  const { erasures, blocks, axis, sources } = plan
  plan.jobBlock.write(arena, engine.field.kernelTables)
  for (const block of plan.scratchBlocks) block.write(arena)
  if (erasures.missing.length > 0) {
    await engine.run(arena, erasures.locate(arena, engine.field), blocks, signal)
    const slivers = axis === 'primary' ? layout.rows : layout.columns
    erasures.write(
      arena,
      engine.field,
      sources.map(({ index }) => symbolsAt(slivers, index)),
    )
  }
  if (axis === 'secondary') await engine.run(arena, decodeRows(layout, plan), blocks, signal)
  else if (erasures.missing.length > 0) await engine.run(arena, decodeColumns(layout, plan), blocks, signal)
}

/** From rows: each column of the message is a codeword. */
function decodeColumns({ s, symbolSize, rows }: BlobLayout, { erasures, batch }: DecodePlan): Phase {
  const phase = new PhaseBuilder()
  for (let j = 0; j < s; j += batch) {
    const count = Math.min(batch, s - j)
    const target = symbolsAt(rows, 0)
    phase
      .unit()
      .call(
        'decodeWords',
        erasures.address,
        j * symbolSize,
        symbolSize,
        count,
        target,
        rows.stride,
        symbolSize,
      )
  }
  return phase.build()
}

/** From columns: each row is a codeword. What was received is put in its place, then the gaps are filled. */
function decodeRows({ p, s, symbolSize, rows, columns }: BlobLayout, { erasures, batch }: DecodePlan): Phase {
  const phase = new PhaseBuilder()
  for (let i = 0; i < p; i += batch) {
    const count = Math.min(batch, p - i)
    const offset = i * symbolSize
    const target = symbolsAt(rows, i)
    phase.unit()
    phase.call(
      'copyWords',
      s,
      symbolsAt(columns, 0) + offset,
      columns.stride,
      symbolSize,
      count,
      target,
      rows.stride,
    )
    if (erasures.missing.length > 0) {
      phase.call(
        'decodeWords',
        erasures.address,
        offset,
        symbolSize,
        count,
        target - offset,
        symbolSize,
        rows.stride,
      )
    }
  }
  return phase.build()
}

/** What lies behind the blob's last byte counts as zero, whatever was decoded: only so is the blob ID's meaning unique. */
function zeroPadding(arena: Arena, { p, unencodedLength, rows }: BlobLayout): void {
  for (let i = Math.floor(unencodedLength / rows.body); i < p; i++) {
    const from = Math.max(0, unencodedLength - i * rows.body)
    arena.bytes.fill(0, symbolsAt(rows, i) + from, symbolsAt(rows, i) + rows.body)
  }
}

/** Copies the blob out of the message's rows, in turns. */
async function readMessage(
  arena: Arena,
  { unencodedLength, rows }: BlobLayout,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const data = newBytes(unencodedLength)
  const turns = new CopyTurns(signal)
  for (let i = 0; i * rows.body < unencodedLength; i++) {
    const at = symbolsAt(rows, i)
    const length = Math.min(rows.body, unencodedLength - i * rows.body)
    copyBytes(data, i * rows.body, arena.bytes.subarray(at, at + length))
    await turns.copied(length)
  }
  return data
}

function mismatch({ blobId }: BlobMetadata): CodecError {
  return new CodecError('BLOB_ID_MISMATCH', 'the decoded bytes do not encode to the blob ID', { blobId })
}
