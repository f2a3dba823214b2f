import { expectInteger } from '../bytes.ts'
import { CodecError } from '../errors.ts'
import { Allotment, type Arena } from '../host/arena.ts'
import type { Blocks, Engine } from '../host/engine.ts'
import { type Phase, PhaseBuilder } from '../host/phase.ts'
import { JobBlock, ScratchBlock } from '../host/scratch.ts'
import { ErasurePlan } from '../jobs/erasures.ts'
import { sliverRef } from '../recovery.ts'
import { sliverIndex, sliverTrailer } from '../sliver.ts'
import type { Axis } from '../types.ts'
import { encodeStream } from './encode.ts'
import { type StreamGeometry, streamGeometry } from './geometry.ts'
import { forEachConcurrently } from './io.ts'
import type { DecodeStreamInput } from './ports.ts'

const PIECE_BLOCKS = 3
const BATCH_BYTES = 192

/** See `StreamCodec.decodeStream`. */
export async function decodeStream(engine: Engine, input: DecodeStreamInput): Promise<void> {
  const { metadata, output, verifyWith, signal, onProgress, windowBytes } = input
  const { nShards, unencodedLength, blobId } = metadata
  const passes = verifyWith === undefined ? 1 : 3
  const total = passes * unencodedLength
  const geometry = streamGeometry(nShards, unencodedLength, windowBytes)
  const { axis, received } = choose(input, geometry)
  await checkFrames(input, geometry, axis, received)
  await decodeWindows(engine, input, geometry, axis, received, done => onProgress?.(done, total))
  if (verifyWith === undefined) return
  const encoded = await encodeStream(engine, {
    source: { length: unencodedLength, read: (offset, target) => output.read(offset, target) },
    nShards,
    slivers: verifyWith,
    keep: false,
    signal,
    windowBytes,
    onProgress: done => onProgress?.(unencodedLength + done, total),
  })
  if (encoded.metadata.blobId !== blobId) {
    throw new CodecError('BLOB_ID_MISMATCH', 'the decoded bytes do not encode to the blob ID', { blobId })
  }
}

/** As many slivers of one axis as are needed, originals first. */
function choose({ available, metadata }: DecodeStreamInput, { p, s }: StreamGeometry) {
  const { nShards } = metadata
  for (const { pair } of available) expectInteger(pair, 0, nShards - 1, 'sliver pair')
  const indices = (axis: Axis) =>
    [...new Set(available.filter(ref => ref.axis === axis).map(ref => sliverIndex(ref, nShards)))].sort(
      (a, b) => a - b,
    )
  const primary = indices('primary')
  const secondary = indices('secondary')
  if (primary.length >= p) return { axis: 'primary' as const, received: primary.slice(0, p) }
  if (secondary.length >= s) return { axis: 'secondary' as const, received: secondary.slice(0, s) }
  const details = {
    neededPrimary: p,
    neededSecondary: s,
    gotPrimary: primary.length,
    gotSecondary: secondary.length,
  }
  throw new CodecError(
    'TOO_FEW_SLIVERS',
    `${p} primary or ${s} secondary slivers are needed, there are ${primary.length} and ${secondary.length}`,
    details,
  )
}

/** Refuses slivers of another blob's shape before anything is decoded. */
async function checkFrames(
  { slivers, signal }: DecodeStreamInput,
  { n, symbol, frames }: StreamGeometry,
  axis: Axis,
  received: readonly number[],
): Promise<void> {
  const { header, trailerAt } = frames[axis]
  const check = async (i: number) => {
    const ref = sliverRef(received[i]!, axis, n)
    const start = new Uint8Array(header.length)
    const end = new Uint8Array(4)
    await slivers.read(ref, 0, start)
    await slivers.read(ref, trailerAt, end)
    const expected = sliverTrailer(symbol, received[i]!)
    if (start.some((byte, at) => byte !== header[at]) || end.some((byte, at) => byte !== expected[at])) {
      throw new CodecError('SLIVER_MALFORMED', `${axis} sliver ${ref.pair}: wrong frame`, {
        ...ref,
        what: 'frame',
      })
    }
  }
  await forEachConcurrently(received.length, check, signal)
}

export interface DecodeStreamPlan {
  blocks: Blocks
  jobBlock: JobBlock
  scratchBlocks: ScratchBlock[]
  erasures: ErasurePlan
  batch: number
  /** pieces of the received slivers, and what is recovered: see `Window` */
  pieces: number
  message: number
}

export function planDecodeStream(
  allotment: Allotment,
  { n, p, s, symbol, rowGroup, columnGroup }: StreamGeometry,
  axis: Axis,
  received: readonly number[],
  threads: number,
): DecodeStreamPlan {
  const originals = axis === 'primary' ? p : s
  const group = axis === 'primary' ? columnGroup : rowGroup
  const batch = Math.max(1, Math.min(Math.floor(BATCH_BYTES / symbol), group))
  const erasures = new ErasurePlan(allotment, originals, n, received)
  const job = { n, symbolSize: symbol, pieceBlocks: PIECE_BLOCKS, memo: false, matrix: false }
  const jobBlock = new JobBlock(allotment, job)
  const needs = {
    ...job,
    batch,
    workShards: erasures.geometry.size,
    repairShards: 0,
    repairSymbols: 1,
    leaves: 0,
    trees: 0,
  }
  // no more than there are batches in a window, as in encode.ts
  const atOnce = Math.min(threads, Math.ceil(group / batch))
  const scratchBlocks = Array.from({ length: atOnce }, () => new ScratchBlock(allotment, needs))
  return {
    blocks: { job: jobBlock.address, scratch: scratchBlocks.map(block => block.address) },
    jobBlock,
    scratchBlocks,
    erasures,
    batch,
    pieces: allotment.take(received.length * group * symbol + 64),
    message: allotment.take(group * originals * symbol + 64),
  }
}

/**
 * Goes through the slivers side by side: from rows a group of columns at a time, from columns a group of rows. What
 * was received and what was recovered meet in one window of the message, rows by columns.
 */
async function decodeWindows(
  engine: Engine,
  input: DecodeStreamInput,
  geometry: StreamGeometry,
  axis: Axis,
  received: readonly number[],
  onProgress: (done: number) => void,
): Promise<void> {
  const { n, p, s, symbol, rowGroup, columnGroup, frames } = geometry
  const { unencodedLength } = input.metadata
  const byRows = axis === 'primary'
  const words = byRows ? s : p
  const group = byRows ? columnGroup : rowGroup
  const allotment = new Allotment()
  const plan = planDecodeStream(allotment, geometry, axis, received, engine.pool.threads)
  const { erasures, blocks, batch, pieces, message } = plan

  await engine.withArena(
    allotment,
    async arena => {
      plan.jobBlock.write(arena, engine.field.kernelTables)
      for (const block of plan.scratchBlocks) block.write(arena)
      const stride = group * symbol
      if (erasures.missing.length > 0) {
        await engine.run(arena, erasures.locate(arena, engine.field), blocks, input.signal)
        const addresses = received.map((_, i) => pieces + i * stride)
        erasures.write(arena, engine.field, addresses)
      }
      for (let first = 0; first < words; first += group) {
        const count = Math.min(group, words - first)
        const window: Window = { arena, pieces, message, stride, first, count }
        const read = (i: number) => {
          const ref = sliverRef(received[i]!, axis, n)
          const at = frames[axis].header.length + first * symbol
          return input.slivers.read(ref, at, bytesAt(arena, pieces + i * stride, count * symbol))
        }
        await forEachConcurrently(received.length, read, input.signal)
        const phase = byRows
          ? recoverRows(geometry, window, erasures, batch)
          : recoverColumns(geometry, window, erasures, batch, received)
        if (phase !== undefined) await engine.run(arena, phase, blocks, input.signal)
        await (byRows ? writePieces : writeRows)(input, geometry, window, received)
        onProgress(Math.floor((unencodedLength * (first + count)) / words))
      }
    },
    input.signal,
  )
}

interface Window {
  arena: Arena
  /** pieces of the received slivers, `stride` bytes apart */
  pieces: number
  /** what was recovered: from rows, pieces of the missing rows, `stride` bytes apart; from columns, whole rows */
  message: number
  stride: number
  /** first column or row in the window, and how many */
  first: number
  count: number
}

function recoverRows(
  { symbol }: StreamGeometry,
  window: Window,
  erasures: ErasurePlan,
  batch: number,
): Phase | undefined {
  if (erasures.missing.length === 0) return undefined
  const { message, stride, count } = window
  const phase = new PhaseBuilder()
  for (let k = 0; k < count; k += batch) {
    const together = Math.min(batch, count - k)
    phase.unit().call('decodeWords', erasures.address, k * symbol, symbol, together, message, stride, symbol)
  }
  return phase.build()
}

/** Transposes what was received into rows, and fills the gaps. */
function recoverColumns(
  { s, symbol, rowBytes }: StreamGeometry,
  { pieces, message, stride, count }: Window,
  erasures: ErasurePlan,
  batch: number,
  received: readonly number[],
): Phase {
  const phase = new PhaseBuilder()
  for (let k = 0; k < count; k += batch) {
    const together = Math.min(batch, count - k)
    const offset = k * symbol
    phase.unit()
    for (const { from, column, length } of runs(received, s)) {
      const source = pieces + from * stride + offset
      const target = message + k * rowBytes + column * symbol
      phase.call('copyWords', length, source, stride, symbol, together, target, rowBytes)
    }
    if (erasures.missing.length > 0) {
      const target = message + k * rowBytes - offset
      phase.call('decodeWords', erasures.address, offset, symbol, together, target, symbol, rowBytes)
    }
  }
  return phase.build()
}

/** Runs of neighbouring original columns among those received. */
function runs(received: readonly number[], s: number): { from: number; column: number; length: number }[] {
  const found: { from: number; column: number; length: number }[] = []
  for (const [from, column] of received.entries()) {
    if (column >= s) break
    const last = found.at(-1)
    if (last !== undefined && last.column + last.length === column) last.length++
    else found.push({ from, column, length: 1 })
  }
  return found
}

/** A piece of every row, received or recovered, to its place in the blob. */
async function writePieces(
  input: DecodeStreamInput,
  { p, symbol, rowBytes }: StreamGeometry,
  { arena, pieces, message, stride, first, count }: Window,
  received: readonly number[],
): Promise<void> {
  const position = new Map(received.map((index, i) => [index, i]))
  const write = (row: number) => {
    const at = position.get(row)
    const address = at === undefined ? message + row * stride : pieces + at * stride
    return writeWithin(input, row * rowBytes + first * symbol, bytesAt(arena, address, count * symbol))
  }
  await forEachConcurrently(p, write, input.signal)
}

async function writeRows(
  input: DecodeStreamInput,
  { rowBytes }: StreamGeometry,
  { arena, message, first, count }: Window,
): Promise<void> {
  const write = (i: number) =>
    writeWithin(input, (first + i) * rowBytes, bytesAt(arena, message + i * rowBytes, rowBytes))
  await forEachConcurrently(count, write, input.signal)
}

/** Writes what lies within the blob; behind it is padding. */
async function writeWithin(
  { metadata, output }: DecodeStreamInput,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  const length = Math.min(bytes.length, metadata.unencodedLength - offset)
  if (length > 0) await output.write(offset, bytes.subarray(0, length))
}

function bytesAt(arena: Arena, address: number, length: number): Uint8Array {
  return arena.bytes.subarray(address, address + length)
}
