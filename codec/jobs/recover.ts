import { expectInteger } from '../bytes.ts'
import { CodecError } from '../errors.ts'
import { Allotment } from '../host/arena.ts'
import type { Engine } from '../host/engine.ts'
import { PhaseBuilder } from '../host/phase.ts'
import { JobBlock, ScratchBlock } from '../host/scratch.ts'
import type { RecoverySymbol } from '../recovery.ts'
import { ErasurePlan } from './erasures.ts'

const PIECE_BLOCKS = 3

/** One codeword to recover: n symbols of which `originals` are stored. */
export interface LostWord {
  n: number
  originals: number
  symbolSize: number
}

/**
 * The original symbols of a codeword from any `originals` distinct symbols of it; more are ignored. Throws
 * TOO_FEW_SYMBOLS, SYMBOL_MISMATCH for one of a wrong size.
 */
export function recoverWord(
  engine: Engine,
  { n, originals, symbolSize }: LostWord,
  symbols: readonly RecoverySymbol[],
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const received = chooseSymbols({ n, originals, symbolSize }, symbols)
  const allotment = new Allotment()
  const erasures = new ErasurePlan(
    allotment,
    originals,
    n,
    received.map(({ index }) => index),
  )
  const jobBlock = new JobBlock(allotment, {
    n,
    symbolSize,
    pieceBlocks: PIECE_BLOCKS,
    memo: false,
    matrix: false,
  })
  const scratch = new ScratchBlock(allotment, {
    n,
    symbolSize,
    batch: 1,
    pieceBlocks: PIECE_BLOCKS,
    workShards: erasures.geometry.size,
    repairShards: 0,
    repairSymbols: 1,
    leaves: 0,
    trees: 0,
  })
  const blocks = { job: jobBlock.address, scratch: [scratch.address] }
  const word = allotment.take(originals * symbolSize)
  const repairs = received.filter(({ index }) => index >= originals)
  const sources = allotment.take(repairs.length * symbolSize + 64)

  return engine.withArena(
    allotment,
    async arena => {
      jobBlock.write(arena, engine.field.kernelTables)
      scratch.write(arena)
      let next = sources
      const addresses = received.map(({ index, data }) => {
        const address = index < originals ? word + index * symbolSize : next
        if (index >= originals) next += symbolSize
        arena.bytes.set(data, address)
        return address
      })
      if (erasures.missing.length > 0) {
        await engine.run(arena, erasures.locate(arena, engine.field), blocks, signal)
        erasures.write(arena, engine.field, addresses)
        const decode = new PhaseBuilder()
          .unit()
          .call('decodeWords', erasures.address, 0, 0, 1, word, symbolSize, 0)
        await engine.run(arena, decode.build(), blocks, signal)
      }
      return arena.bytes.slice(word, word + originals * symbolSize)
    },
    signal,
  )
}

/** As many as are needed, the originals first: they need no decoding. Of several with one index the first counts. */
export function chooseSymbols<S extends RecoverySymbol>(
  { n, originals, symbolSize }: LostWord,
  symbols: readonly S[],
): S[] {
  const distinct = new Map<number, S>()
  for (const symbol of symbols) {
    expectInteger(symbol.index, 0, n - 1, 'index of the recovery symbol')
    if (symbol.data.length !== symbolSize) {
      throw new CodecError('SYMBOL_MISMATCH', `a recovery symbol has ${symbolSize} bytes`, {
        index: symbol.index,
      })
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
