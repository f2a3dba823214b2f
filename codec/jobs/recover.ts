import { expectInteger } from '../bytes.ts'
import { CodecError } from '../errors.ts'
import { Allotment, type Arena } from '../host/arena.ts'
import { copyBytes } from '../host/copy.ts'
import type { Engine } from '../host/engine.ts'
import { type Phase, PhaseBuilder } from '../host/phase.ts'
import { JobBlock, ScratchBlock } from '../host/scratch.ts'
import { CopyTurns } from '../host/turns.ts'
import type { RecoverySymbol } from '../recovery.ts'
import { type Chunk, divideByMemory, usefulThreads, type WordShape, wordsPerUnit } from './batch.ts'
import { ErasurePlan } from './erasures.ts'

const PIECE_BLOCKS = 3
/** There and back again: twice a transform of the code's size. */
const DECODE_BYTE_NS = 3
/** Fewer bytes are copied faster as they are, see host/copy.ts. */
const SMALL_COPY = 256

/** A symbol of each of the codewords at the same place in all of them, one after the other. */
export type SymbolsAt = RecoverySymbol

/**
 * The original symbols of codewords that lack the same, `words` in number, from what `chooseSymbols` chose. `take` is shown
 * those of each codeword, in its order, and copies what it keeps.
 */
export async function recoverWords<T>(
  engine: Engine,
  shape: WordShape,
  words: number,
  received: readonly SymbolsAt[],
  take: (body: Uint8Array, word: number) => T,
  signal?: AbortSignal,
): Promise<T[]> {
  const wordBytes = shape.originals * shape.symbolSize
  const plan = planRecovery(engine, shape, words, received)
  return engine.withArena(
    plan.allotment,
    async arena => {
      plan.jobBlock.write(arena, engine.field.kernelTables)
      for (const block of plan.scratchBlocks) block.write(arena)
      const blocks = {
        job: plan.jobBlock.address,
        scratch: plan.scratchBlocks.map(({ address }) => address),
      }
      if (plan.erasures.missing.length > 0) {
        await engine.run(arena, plan.erasures.locate(arena, engine.field), blocks, signal)
        plan.erasures.write(arena, engine.field, plan.addresses)
      }
      const taken: T[] = []
      const turns = new CopyTurns(signal)
      for (const chunk of plan.chunks) {
        await loadChunk(arena, plan, shape, received, chunk, turns)
        await engine.run(arena, decodeChunk(plan, shape, chunk), blocks, signal)
        for (let at = plan.words, i = chunk.from; i < chunk.to; i++, at += wordBytes) {
          taken.push(take(arena.bytes.subarray(at, at + wordBytes), i))
        }
      }
      return taken
    },
    signal,
  )
}

interface RecoveryPlan {
  allotment: Allotment
  erasures: ErasurePlan
  jobBlock: JobBlock
  scratchBlocks: ScratchBlock[]
  chunks: Chunk[]
  wordsPerUnit: number
  /** where the symbols at each received place lie, and those at place i of the originals would */
  addresses: number[]
  originals: number
  /** bytes from one place to the next */
  stride: number
  /** the codewords' originals, one codeword after the other */
  words: number
}

function planRecovery(
  engine: Engine,
  { n, originals, symbolSize }: WordShape,
  words: number,
  received: readonly SymbolsAt[],
): RecoveryPlan {
  const wordBytes = originals * symbolSize
  const allotment = new Allotment()
  const indices = received.map(({ index }) => index)
  const erasures = new ErasurePlan(allotment, originals, n, indices)
  const { threads } = engine.pool
  const { size } = erasures.geometry
  const repairs = indices.filter(index => index >= originals).length
  const chunks = divideByMemory(words, () => 2 * wordBytes + repairs * symbolSize)
  const longest = Math.max(...chunks.map(({ from, to }) => to - from))
  const wordNs = size * symbolSize * DECODE_BYTE_NS
  const batch = wordsPerUnit(longest, { symbolSize, wordNs, threads })
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
    workShards: size,
    repairShards: 0,
    repairSymbols: 1,
    leaves: 0,
    trees: 0,
  }
  const first = new ScratchBlock(allotment, needs)
  const others = usefulThreads(threads, Math.ceil(longest / batch), first.bytes) - 1
  const stride = longest * symbolSize
  const originalsAt = allotment.take(originals * stride + 64)
  let next = allotment.take(repairs * stride + 64)
  const addresses = indices.map(index => {
    if (index < originals) return originalsAt + index * stride
    next += stride
    return next - stride
  })
  return {
    allotment,
    erasures,
    jobBlock,
    scratchBlocks: [first, ...Array.from({ length: others }, () => new ScratchBlock(allotment, needs))],
    chunks,
    wordsPerUnit: batch,
    addresses,
    originals: originalsAt,
    stride,
    words: allotment.take(longest * wordBytes + 64),
  }
}

async function loadChunk(
  arena: Arena,
  { addresses }: RecoveryPlan,
  { symbolSize }: WordShape,
  received: readonly SymbolsAt[],
  { from, to }: Chunk,
  turns: CopyTurns,
): Promise<void> {
  for (const [i, { data }] of received.entries()) {
    const part = data.subarray(from * symbolSize, to * symbolSize)
    if (part.length < SMALL_COPY) arena.bytes.set(part, addresses[i]!)
    else copyBytes(arena.bytes, addresses[i]!, part)
    await turns.copied(part.length)
  }
}

/** The originals that are there to their places in the codewords, then those that are missing. */
function decodeChunk(plan: RecoveryPlan, { originals, symbolSize }: WordShape, { from, to }: Chunk): Phase {
  const wordBytes = originals * symbolSize
  const { erasures, stride } = plan
  const phase = new PhaseBuilder()
  for (let at = 0; at < to - from; at += plan.wordsPerUnit) {
    const count = Math.min(plan.wordsPerUnit, to - from - at)
    const offset = at * symbolSize
    const target = plan.words + at * wordBytes
    phase
      .unit()
      .call('copyWords', originals, plan.originals + offset, stride, symbolSize, count, target, wordBytes)
    if (erasures.missing.length > 0) {
      phase.call(
        'decodeWords',
        erasures.address,
        offset,
        symbolSize,
        count,
        target - offset,
        symbolSize,
        wordBytes,
      )
    }
  }
  return phase.build()
}

/**
 * As many as are needed, the originals first: they need no decoding. Of several with one index the first counts. Throws
 * TOO_FEW_SYMBOLS, SYMBOL_MISMATCH for one of a wrong size, that is not of `words` symbols, INVALID_ARGUMENT for an index.
 */
export function chooseSymbols<S extends SymbolsAt>(
  { n, originals, symbolSize }: WordShape,
  words: number,
  symbols: readonly S[],
): S[] {
  const bytes = words * symbolSize
  const distinct = new Map<number, S>()
  for (const symbol of symbols) {
    expectInteger(symbol.index, 0, n - 1, 'index of the recovery symbol')
    if (symbol.data.length !== bytes) {
      throw new CodecError(
        'SYMBOL_MISMATCH',
        `recovery symbols of ${words} slivers have ${bytes} bytes, those of source ${symbol.index} have ${symbol.data.length}`,
        { index: symbol.index },
      )
    }
    if (!distinct.has(symbol.index)) distinct.set(symbol.index, symbol)
  }
  if (distinct.size < originals) {
    throw new CodecError('TOO_FEW_SYMBOLS', `${originals} symbols are needed, there are ${distinct.size}`, {
      needed: originals,
      got: distinct.size,
    })
  }
  return [...distinct.values()].sort((a, b) => a.index - b.index).slice(0, originals)
}
