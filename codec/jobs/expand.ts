import { Allotment, type Arena } from '../host/arena.ts'
import { copyBytes } from '../host/copy.ts'
import type { Blocks, Engine } from '../host/engine.ts'
import { PhaseBuilder } from '../host/phase.ts'
import { encodeShards, JobBlock, ScratchBlock } from '../host/scratch.ts'
import { CopyTurns } from '../host/turns.ts'
import { pathLength } from '../merkle.ts'

const PIECE_BLOCKS = 8

/** The symbols of a sliver that are stored; its expansion to n symbols is what its hash is about. */
export interface StoredSymbols {
  n: number
  /** p for a column, s for a row */
  originals: number
  symbolSize: number
  /** originals * symbolSize bytes */
  body: Uint8Array
}

export interface ExpandedSliver {
  /** Merkle root over all n symbols */
  root: Uint8Array
  /** the symbols that were asked for, with their paths in the tree if wanted */
  symbols: { index: number; data: Uint8Array; path: Uint8Array[] }[]
}

/** Expands one sliver to n symbols; answers its hash and those of its symbols that are wanted. */
export function expandSliver(
  engine: Engine,
  stored: StoredSymbols,
  wanted: readonly number[],
  { proofs = false, signal }: { proofs?: boolean; signal?: AbortSignal | undefined } = {},
): Promise<ExpandedSliver> {
  const { n, originals, symbolSize, body } = stored
  const allotment = new Allotment()
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
    ...encodeShards(n, originals),
    repairSymbols: Math.max(1, n - originals),
    leaves: 1,
    trees: 1,
  })
  const blocks: Blocks = { job: jobBlock.address, scratch: [scratch.address] }
  const source = allotment.take(body.length + 64) + 8
  const root = allotment.take(32)
  const levels = pathLength(n)
  const pathBytes = (levels + 1) * 32
  const paths = allotment.take(proofs ? wanted.length * pathBytes : 0)

  return engine.withArena(
    allotment,
    async arena => {
      jobBlock.write(arena, engine.field.kernelTables)
      scratch.write(arena)
      await copyIn(arena, source, body, signal)
      const word = [originals, originals, source, symbolSize, body.length, 1]
      const phase = new PhaseBuilder()
        .unit()
        .call('expand', ...word)
        .call('hashSymbols', ...word, 0, 0, 0, 0, 0)
      if (proofs)
        for (const [i, index] of wanted.entries()) phase.call('merklePath', index, paths + i * pathBytes)
      phase.call('wordRoots', root, 0, 1, originals, originals)
      await engine.run(arena, phase.build(), blocks, signal)

      const take = (at: number, length: number) => arena.bytes.slice(at, at + length)
      const symbols = wanted.map((index, i) => {
        const at =
          index < originals
            ? source + index * symbolSize
            : scratch.repair + (index - originals) * scratch.repairStride
        const path = proofs
          ? Array.from({ length: levels }, (_, level) => take(paths + i * pathBytes + 32 * level, 32))
          : []
        return { index, data: take(at, symbolSize), path }
      })
      return { root: take(root, 32), symbols }
    },
    signal,
  )
}

async function copyIn(arena: Arena, address: number, body: Uint8Array, signal?: AbortSignal): Promise<void> {
  const turns = new CopyTurns(signal)
  const step = 4 * 2 ** 20
  for (let at = 0; at < body.length; at += step) {
    const part = body.subarray(at, at + step)
    copyBytes(arena.bytes, address + at, part)
    await turns.copied(part.length)
  }
}
