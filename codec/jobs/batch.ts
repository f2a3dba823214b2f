/** What codewords have in common that one job works on: rows, or columns, of blobs of one symbol size. */
export interface WordShape {
  /** symbols of a codeword */
  n: number
  /** of which so many are stored: p for a column, s for a row */
  originals: number
  symbolSize: number
}

/** Bytes of codewords and results that are in a job's memory at a time, unless one alone has more. */
const CHUNK_BYTES = 16 * 2 ** 20
/** Codewords at most: what a thread is told of its work grows with their number. */
const CHUNK_WORDS = 4096
/** Bytes of scratch that a job's threads have together, unless one alone takes more. */
const SCRATCH_BYTES = 128 * 2 ** 20
/** Bytes that a batch of small symbols makes up together, see jobs/encode.ts. */
const BATCH_BYTES = 640
/** Below this much work per thread, handing it over takes longer than doing it. */
const UNIT_NS = 200_000
/** Units per thread, so that none waits long for the last one. */
const UNITS_PER_THREAD = 4

/** A part of a list: [from, to). */
export interface Chunk {
  from: number
  to: number
}

/** Divides a list whose members take `bytesOf(i)` bytes each into parts that fit into memory. */
export function divideByMemory(length: number, bytesOf: (index: number) => number): Chunk[] {
  const chunks: Chunk[] = []
  let from = 0
  let bytes = 0
  for (let at = 0; at < length; at++) {
    const next = bytesOf(at)
    if (at > from && (bytes + next > CHUNK_BYTES || at - from === CHUNK_WORDS)) {
      chunks.push({ from, to: at })
      from = at
      bytes = 0
    }
    bytes += next
  }
  if (length > from) chunks.push({ from, to: length })
  return chunks
}

/** How many codewords of `symbolSize` a unit takes, when there are `words` that take `wordNs` each. */
export function wordsPerUnit(
  words: number,
  { symbolSize, wordNs, threads }: { symbolSize: number; wordNs: number; threads: number },
): number {
  const wide = Math.max(1, Math.floor(BATCH_BYTES / symbolSize))
  if (threads === 1) return Math.min(wide, words)
  const shared = Math.ceil(words / (threads * UNITS_PER_THREAD))
  return Math.min(wide, words, Math.max(shared, Math.ceil(UNIT_NS / wordNs)))
}

/** How many threads find work in so many units, each with `scratchBytes` of its own. */
export function usefulThreads(threads: number, units: number, scratchBytes: number): number {
  return Math.max(1, Math.min(threads, units, Math.floor(SCRATCH_BYTES / scratchBytes)))
}
