import { Allotment, type Arena } from '../host/arena.ts'
import { copyBytes } from '../host/copy.ts'
import type { Blocks, Engine } from '../host/engine.ts'
import { type Phase, PhaseBuilder } from '../host/phase.ts'
import { encodeShards, JobBlock, ScratchBlock, type ScratchNeeds } from '../host/scratch.ts'
import { CopyTurns } from '../host/turns.ts'
import { pathLength } from '../merkle.ts'
import { type Chunk, divideByMemory, usefulThreads, type WordShape, wordsPerUnit } from './batch.ts'

const PIECE_BLOCKS = 8
const DIGEST = 32
/** Leaf hashes of the codewords of a unit stay in the second-level cache. */
const LEAF_BYTES = 512 * 1024
/** of a leaf of one block, or of an inner node; and of a byte that is expanded (docs/codec.md has where the time goes) */
const HASH_NS = 90
const EXPAND_BYTE_NS = 1.4

/** The stored symbols of a codeword, `originals * symbolSize` bytes, and the numbers of those of its n that are wanted. */
export interface WordSymbols {
  body: Uint8Array
  wanted: readonly number[]
}

/** A symbol and the siblings from its leaf up to the codeword's root. */
export interface ProvenWordSymbol {
  data: Uint8Array
  path: Uint8Array[]
}

/** Merkle roots over all n symbols of each codeword, 32 bytes: the hashes of slivers. */
export function wordRoots(
  engine: Engine,
  shape: WordShape,
  bodies: readonly Uint8Array[],
  signal?: AbortSignal,
): Promise<Uint8Array[]> {
  const { originals } = shape
  return expandWords(
    engine,
    shape,
    bodies,
    {
      hashed: true,
      resultBytes: () => DIGEST,
      addCalls: (phase, { results, at, count }) =>
        phase.call('wordRoots', results[at]!, 0, count, originals, originals),
      take: (arena, at) => arena.bytes.slice(at, at + DIGEST),
    },
    signal,
  )
}

/** The wanted symbols of each codeword, one after the other. Nothing is hashed. */
export function wordSymbols(
  engine: Engine,
  shape: WordShape,
  words: readonly WordSymbols[],
  signal?: AbortSignal,
): Promise<Uint8Array[]> {
  const { symbolSize } = shape
  return expandWords(
    engine,
    shape,
    words.map(({ body }) => body),
    {
      hashed: false,
      resultBytes: word => words[word]!.wanted.length * (2 + symbolSize),
      prepare: (arena, at, word) => writeNumbers(arena, at, words[word]!.wanted),
      addCalls(phase, { first, count, source, results, at }) {
        for (let k = 0; k < count; k++) {
          const { body, wanted } = words[first + k]!
          takeSymbols(phase, shape, k, source + k * body.length, results[at + k]!, wanted)
        }
      },
      take(arena, at, word) {
        const { length } = words[word]!.wanted
        return arena.bytes.slice(at + 2 * length, at + (2 + symbolSize) * length)
      },
    },
    signal,
  )
}

/** The wanted symbols of one codeword with their paths in its tree. */
export async function provenSymbols(
  engine: Engine,
  shape: WordShape,
  { body, wanted }: WordSymbols,
  signal?: AbortSignal,
): Promise<ProvenWordSymbol[]> {
  const { n, symbolSize } = shape
  const levels = pathLength(n)
  // the kernel writes the root behind each path
  const pathBytes = (levels + 1) * DIGEST
  const paths = wanted.length * (2 + symbolSize)
  const [symbols] = await expandWords(
    engine,
    shape,
    [body],
    {
      hashed: true,
      resultBytes: () => paths + wanted.length * pathBytes,
      prepare: (arena, at) => writeNumbers(arena, at, wanted),
      addCalls(phase, { source, results: [at] }) {
        takeSymbols(phase, shape, 0, source, at!, wanted)
        for (const [i, symbol] of wanted.entries())
          phase.call('merklePath', symbol, at! + paths + i * pathBytes)
      },
      take: (arena, at) =>
        wanted.map((_, i) => {
          const data = at + 2 * wanted.length + i * symbolSize
          const path = at + paths + i * pathBytes
          return {
            data: arena.bytes.slice(data, data + symbolSize),
            path: Array.from({ length: levels }, (_, level) =>
              arena.bytes.slice(path + DIGEST * level, path + DIGEST * (level + 1)),
            ),
          }
        }),
    },
    signal,
  )
  return symbols!
}

function writeNumbers(arena: Arena, at: number, numbers: readonly number[]): void {
  arena.u16(at, numbers.length).set(numbers)
}

function takeSymbols(
  phase: PhaseBuilder,
  { originals }: WordShape,
  k: number,
  source: number,
  at: number,
  { length }: readonly number[],
): void {
  phase.call('takeSymbols', originals, k, source, at, length, at + 2 * length)
}

/** Codewords that one unit expands side by side: [first, first + count) of the list. */
interface Unit {
  first: number
  count: number
  /** where their symbols lie, one codeword after the other */
  source: number
  /** where the results of the chunk's codewords lie; of these from `at` on */
  results: readonly number[]
  at: number
}

/** What is made of expanded codewords. */
interface Harvest<T> {
  /** whether all symbols' leaf hashes are made */
  hashed: boolean
  /** bytes of memory for the result of a codeword, and what it is made by */
  resultBytes(word: number): number
  /** writes what the result is made by */
  prepare?(arena: Arena, at: number, word: number): void
  addCalls(phase: PhaseBuilder, unit: Unit): void
  take(arena: Arena, at: number, word: number): T
}

/** Expands codewords of one shape to n symbols each, in parts that fit into memory; answers what `harvest` makes of them. */
async function expandWords<T>(
  engine: Engine,
  shape: WordShape,
  bodies: readonly Uint8Array[],
  harvest: Harvest<T>,
  signal?: AbortSignal,
): Promise<T[]> {
  if (bodies.length === 0) return []
  const plan = planExpansion(engine, shape, bodies.length, harvest)
  return engine.withArena(
    plan.allotment,
    async arena => {
      plan.jobBlock.write(arena, engine.field.kernelTables)
      for (const block of plan.scratchBlocks) block.write(arena)
      const run = (phase: Phase) => engine.run(arena, phase, plan.blocks, signal)
      if (plan.jobBlock.memo !== 0) await engine.leafTable.write(arena, plan.jobBlock.memo, run)
      const taken: T[] = []
      const turns = new CopyTurns(signal)
      for (const chunk of plan.chunks) {
        const results = await loadChunk(arena, plan, bodies, chunk, harvest, turns)
        await run(expandChunk(plan, shape, chunk, results, harvest))
        for (const [i, at] of results.entries()) taken.push(harvest.take(arena, at, chunk.from + i))
      }
      return taken
    },
    signal,
  )
}

interface ExpansionPlan {
  allotment: Allotment
  jobBlock: JobBlock
  scratchBlocks: ScratchBlock[]
  blocks: Blocks
  chunks: Chunk[]
  wordsPerUnit: number
  sources: number
  results: number
}

function planExpansion<T>(
  engine: Engine,
  shape: WordShape,
  length: number,
  harvest: Harvest<T>,
): ExpansionPlan {
  const { n, originals, symbolSize } = shape
  const { hashed } = harvest
  const wordBytes = originals * symbolSize
  const resultBytes = (word: number) => aligned(harvest.resultBytes(word))
  const chunks = divideByMemory(length, word => wordBytes + resultBytes(word))
  let longest = 0
  let longestResults = 0
  for (const { from, to } of chunks) {
    let bytes = 0
    for (let word = from; word < to; word++) bytes += resultBytes(word)
    longest = Math.max(longest, to - from)
    longestResults = Math.max(longestResults, bytes)
  }

  const hashNs = hashed ? n * HASH_NS * (1 + Math.ceil((symbolSize + 1) / 128)) : 0
  const wordNs = hashNs + n * symbolSize * EXPAND_BYTE_NS
  const { threads } = engine.pool
  const perUnit = wordsPerUnit(longest, { symbolSize, wordNs, threads })
  const batch = hashed ? Math.min(perUnit, Math.max(1, Math.floor(LEAF_BYTES / (n * DIGEST)))) : perUnit
  const needs: ScratchNeeds = {
    n,
    symbolSize,
    batch,
    pieceBlocks: PIECE_BLOCKS,
    ...(originals < n ? encodeShards(n, originals) : { workShards: 0, repairShards: 0 }),
    repairSymbols: Math.max(1, n - originals),
    leaves: hashed ? batch : 0,
    trees: hashed ? 1 : 0,
  }

  const allotment = new Allotment()
  const memo = hashed && symbolSize === 2 && engine.leafTable.repays(length * n)
  const jobBlock = new JobBlock(allotment, { n, symbolSize, pieceBlocks: PIECE_BLOCKS, memo, matrix: false })
  const first = new ScratchBlock(allotment, needs)
  const others = usefulThreads(threads, Math.ceil(longest / batch), first.bytes) - 1
  const scratchBlocks = [first, ...Array.from({ length: others }, () => new ScratchBlock(allotment, needs))]
  return {
    allotment,
    jobBlock,
    scratchBlocks,
    blocks: { job: jobBlock.address, scratch: scratchBlocks.map(({ address }) => address) },
    chunks,
    wordsPerUnit: batch,
    // the byte before a symbol is read as well
    sources: allotment.take(longest * wordBytes + 64) + 8,
    results: allotment.take(longestResults),
  }
}

/** Copies a chunk's codewords in; answers where their results will be. */
async function loadChunk<T>(
  arena: Arena,
  { sources, results }: ExpansionPlan,
  bodies: readonly Uint8Array[],
  { from, to }: Chunk,
  harvest: Harvest<T>,
  turns: CopyTurns,
): Promise<number[]> {
  const addresses: number[] = []
  let source = sources
  let result = results
  for (let word = from; word < to; word++) {
    const body = bodies[word]!
    const turn = copyIn(arena, source, body, turns)
    if (turn !== undefined) await turn
    harvest.prepare?.(arena, result, word)
    addresses.push(result)
    source += body.length
    result += aligned(harvest.resultBytes(word))
  }
  return addresses
}

function expandChunk<T>(
  plan: ExpansionPlan,
  { n, originals, symbolSize }: WordShape,
  { from, to }: Chunk,
  results: readonly number[],
  harvest: Harvest<T>,
): Phase {
  const wordBytes = originals * symbolSize
  const phase = new PhaseBuilder()
  for (let at = 0; at < to - from; at += plan.wordsPerUnit) {
    const count = Math.min(plan.wordsPerUnit, to - from - at)
    const source = plan.sources + at * wordBytes
    const words = [originals, originals, source, symbolSize, wordBytes, count]
    phase.unit()
    if (originals < n) phase.call('expand', ...words)
    if (harvest.hashed) phase.call('hashSymbols', ...words, 0, 0, 0, 0, 0)
    harvest.addCalls(phase, { first: from + at, count, source, results, at })
  }
  return phase.build()
}

const COPY_STEP = 4 * 2 ** 20
/** Fewer bytes are copied faster as they are, see host/copy.ts. */
const SMALL_COPY = 256

async function copyInParts(arena: Arena, address: number, body: Uint8Array, turns: CopyTurns): Promise<void> {
  for (let at = 0; at < body.length; at += COPY_STEP) {
    const part = body.subarray(at, at + COPY_STEP)
    copyBytes(arena.bytes, address + at, part)
    await turns.copied(part.length)
  }
}

/** A turn to wait for, when there is more than is copied at once or one is due. */
function copyIn(
  arena: Arena,
  address: number,
  body: Uint8Array,
  turns: CopyTurns,
): Promise<void> | undefined {
  if (body.length > COPY_STEP) return copyInParts(arena, address, body, turns)
  if (body.length < SMALL_COPY) arena.bytes.set(body, address)
  else copyBytes(arena.bytes, address, body)
  return turns.copied(body.length)
}

/** To whole words: results of 32 bytes lie side by side. */
function aligned(bytes: number): number {
  return Math.ceil(bytes / 4) * 4
}
