/**
 * Slivers in batches beside one by one: CPU time of the process per sliver, on the calling thread alone, since wall time of a
 * busy machine says little. Alternately in one run, the least of some rounds.
 */
import { randomFillSync } from 'node:crypto'
import {
  type Axis,
  type BlobMetadata,
  type Codec,
  createCodec,
  encodingParams,
  type SliverBytes,
  type SliverPairIndex,
  type SliverRef,
  type SourceSymbols,
} from '../../../codec/index.ts'
import type { BenchOptions } from '../main.ts'

/** slivers that a node with a thirteenth of 1000 shards lacks of one blob */
const LOST = 77
const ROUNDS = 5
/** A round is repeated until it has taken so much CPU time. */
const ROUND_MS = 40
const OPERATIONS = ['verify', 'symbols', 'recover', 'pair'] as const

/** What a case works on: lost slivers of some blobs, and slivers of the other axis that bring them back. */
interface Lost {
  metadata: BlobMetadata
  slivers: SliverBytes[]
  sources: SliverBytes[]
  received: SourceSymbols[]
}

export async function runBatches(quick: boolean, report: BenchOptions['report']): Promise<void> {
  const codec = createCodec({ threads: 0 })
  for (const shards of [10, 100, 1000]) {
    for (const symbolBytes of quick ? [2] : [2, 64, 1024]) {
      const losses = [
        await lose(codec, shards, symbolBytes, 'primary'),
        await lose(codec, shards, symbolBytes, 'secondary'),
      ]
      const slivers = losses.reduce((sum, { slivers }) => sum + slivers.length, 0)
      for (const op of OPERATIONS) {
        const [singleMs, batchMs] = await compare(
          [() => SINGLE[op](codec, losses), () => BATCHED[op](codec, losses)],
          quick ? 1 : ROUNDS,
        )
        // a pair is two slivers, one of each loss
        const count = op === 'pair' ? slivers / 2 : op === 'symbols' ? sourcesOf(losses) : slivers
        report({
          of: { op: `${op} batch`, shards, symbolBytes, slivers: count },
          took: {
            singleCpuUs: (singleMs * 1000) / count,
            batchCpuUs: (batchMs * 1000) / count,
            batchOfSingle: batchMs / singleMs,
          },
        })
      }
    }
  }
  await codec.close()
}

const sourcesOf = (losses: readonly Lost[]) => losses.reduce((sum, { sources }) => sum + sources.length, 0)
const refsOf = ({ slivers }: Lost): SliverRef[] => slivers.map(({ ref }) => ref)

type Run = (codec: Codec, losses: readonly Lost[]) => Promise<void>

const SINGLE: Record<(typeof OPERATIONS)[number], Run> = {
  async verify(codec, losses) {
    for (const { metadata, slivers } of losses) {
      for (const { ref, bytes } of slivers) await codec.verifySliver(metadata, ref, bytes)
    }
  },
  // a source at a time, each for all targets
  async symbols(codec, losses) {
    for (const crossing of losses.flatMap(crossingsOf)) await codec.recoverySymbols(crossing)
  },
  recover: (codec, losses) => recoverSingly(codec, losses, false),
  pair: (codec, losses) => recoverSingly(codec, losses, true),
}

async function recoverSingly(codec: Codec, losses: readonly Lost[], verify: boolean): Promise<void> {
  for (const lost of losses) {
    const { metadata, received } = lost
    for (const [i, target] of refsOf(lost).entries()) {
      const symbols = received.map(({ index, data }) => {
        const size = data.length / lost.slivers.length
        return { index, data: data.subarray(i * size, (i + 1) * size) }
      })
      await codec.recoverSliver({ metadata, target, symbols, verify })
    }
  }
}

const BATCHED: typeof SINGLE = {
  async verify(codec, losses) {
    const errors = await codec.verifySlivers(
      losses.flatMap(({ metadata, slivers }) => slivers.map(sliver => ({ metadata, ...sliver }))),
    )
    failOnAny(errors)
  },
  async symbols(codec, losses) {
    await codec.symbolsFor(losses.flatMap(crossingsOf))
  },
  async recover(codec, losses) {
    for (const lost of losses) {
      await codec.recoverSlivers({
        metadata: lost.metadata,
        targets: refsOf(lost),
        received: lost.received,
        verify: false,
      })
    }
  },
  async pair(codec, losses) {
    for (const lost of losses) {
      const outcomes = await codec.recoverSlivers({
        metadata: lost.metadata,
        targets: refsOf(lost),
        received: lost.received,
      })
      failOnAny(outcomes.map(({ error }) => error))
    }
  },
}

function crossingsOf(lost: Lost) {
  const { metadata, sources } = lost
  return sources.map(({ ref: source, bytes }) => ({ metadata, source, bytes, targets: refsOf(lost) }))
}

function failOnAny(errors: readonly (Error | undefined)[]): void {
  const error = errors.find(each => each !== undefined)
  if (error !== undefined) throw error
}

async function lose(codec: Codec, n: number, symbolBytes: number, axis: Axis): Promise<Lost> {
  const { primarySymbols: p, secondarySymbols: s } = encodingParams(n)
  const data = new Uint8Array(p * s * symbolBytes)
  randomFillSync(data)
  const blob = await codec.encode(data, n)
  const { metadata } = blob
  const sliver = (pair: number, of: Axis): SliverBytes => {
    const ref = { pair: pair as SliverPairIndex, axis: of }
    return { ref, bytes: blob.sliver(ref) }
  }
  const other = axis === 'primary' ? 'secondary' : 'primary'
  const enough = axis === 'primary' ? s : p
  const sources = Array.from({ length: enough }, (_, i) => sliver(Math.floor((i * n) / enough), other))
  const count = Math.min(LOST, n)
  const slivers = Array.from({ length: count }, (_, i) => sliver(Math.floor((i * n) / count), axis))
  blob.release()
  const lost: Lost = { metadata, slivers, sources, received: [] }
  const symbols = await codec.symbolsFor(crossingsOf(lost))
  failOnAny(symbols.map(({ error }) => error))
  return { ...lost, received: symbols.map(({ value }) => value!) }
}

type Work = () => Promise<void>

/** The least CPU ms of each, measured alternately, after one round that compiles and gets memory. */
async function compare(works: readonly [Work, Work], rounds: number): Promise<[number, number]> {
  const least: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let round = 0; round <= rounds; round++) {
    for (const [i, work] of works.entries()) {
      const cpuMs = await cpuOf(work)
      if (round > 0) least[i] = Math.min(least[i]!, cpuMs)
    }
  }
  return least
}

async function cpuOf(work: Work): Promise<number> {
  const start = process.cpuUsage()
  for (let times = 1; ; times++) {
    await work()
    const { user, system } = process.cpuUsage(start)
    const ms = (user + system) / 1000
    if (ms >= ROUND_MS) return ms / times
  }
}
