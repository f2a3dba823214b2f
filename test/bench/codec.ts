/**
 * Ours and `@mysten/walrus-wasm`, alternately in one run; medians. The official package cannot
 * recover a single sliver, so for `recover` it decodes the blob and encodes it again, which is what its users must do.
 *
 * Three rounds count, after one that compiles and gets memory. Where an official call takes over two seconds it is made
 * twice only, the first one included, and the faster of the two counts, which favours it; ours has all its rounds there
 * too. For the same reason `recover` there is the sum of the official decode and encode measured before.
 *
 * Then slivers in batches beside one by one, see codec/batches.ts. `codec blobs` and `codec batches` run one of the two.
 */
import { randomFillSync } from 'node:crypto'
import { type Codec, createCodec, encodingParams, type SliverPairIndex } from '../../codec/index.ts'
import { runBatches } from './codec/batches.ts'
import { Official } from './codec/official.ts'
import type { BenchOptions } from './main.ts'
import { median, type Row } from './report/row.ts'

const MIB = 2 ** 20
const SHARDS = [100, 1000]
const SIZES = [1024, MIB, 16 * MIB, 64 * MIB]
const QUICK_SIZES = [1024, MIB]
const THREADS = [1, 2]
const ROUNDS = 3
/** An official call that takes longer is made twice only. */
const LONG_MS = 2000
const OPERATIONS = ['encode', 'metadata', 'decode', 'recover'] as const

type Operation = (typeof OPERATIONS)[number]

export async function run({ quick, report, args: [part] }: BenchOptions): Promise<void> {
  if (part !== 'batches') await runBlobs(quick, report)
  if (part !== 'blobs') await runBatches(quick, report)
}

async function runBlobs(quick: boolean, report: BenchOptions['report']): Promise<void> {
  for (const shards of SHARDS) {
    for (const bytes of quick ? QUICK_SIZES : SIZES) {
      for (const row of await measure(shards, bytes, quick ? 1 : ROUNDS)) report(row)
    }
  }
}

async function measure(shards: number, bytes: number, rounds: number): Promise<Row[]> {
  const data = new Uint8Array(bytes)
  randomFillSync(data)
  const official = new Official(shards)
  const codecs = THREADS.map(threads => ({ threads, codec: createCodec({ threads }) }))
  const prepared = await prepare(codecs[0]!.codec, data, shards)
  const theirs: Record<Operation, () => void> = {
    encode: () => official.encode(data),
    metadata: () => official.metadata(data),
    decode: () => {
      official.decode(prepared.metadata, prepared.repairs)
    },
    recover: () => official.encode(official.decode(prepared.metadata, prepared.repairs)),
  }
  const results: Row[] = []
  const reference = new Map<Operation, number>()
  for (const op of OPERATIONS) {
    const officialTimes: number[] = []
    const times = codecs.map(() => [] as number[])
    const known = op === 'recover' ? reference.get('decode')! + reference.get('encode')! : 0
    // one round more than is counted: the first one compiles and gets memory
    for (let round = 0; round <= rounds; round++) {
      const long = known > LONG_MS || (officialTimes[0] ?? 0) > LONG_MS
      if (!long || (known === 0 && round < 2)) officialTimes.push(await timed(async () => theirs[op]()))
      for (const [i, { codec }] of codecs.entries()) {
        const ours = await timed(() => prepared.operations[op](codec))
        if (round > 0) times[i]!.push(ours)
      }
    }
    const isLong = (officialTimes[0] ?? 0) > LONG_MS
    if (officialTimes.length === 0) reference.set(op, known)
    else reference.set(op, isLong ? Math.min(...officialTimes) : median(officialTimes.slice(1)))
    for (const [i, { threads }] of codecs.entries()) {
      const oursMs = median(times[i]!)
      const officialMs = reference.get(op)!
      results.push({ of: { op, shards, bytes, threads }, took: { oursMs, officialMs } })
    }
  }
  await Promise.all(codecs.map(({ codec }) => codec.close()))
  return results
}

/** What each operation works on: repair slivers only, and symbols of repair slivers only. */
async function prepare(codec: Codec, data: Uint8Array, n: number) {
  const { primarySymbols: p } = encodingParams(n)
  const blob = await codec.encode(data, n)
  const { metadata } = blob
  const ref = (pair: number, axis: 'primary' | 'secondary') => ({ pair: pair as SliverPairIndex, axis })
  const slivers = Array.from({ length: p }, (_, i) => ref(n - p + i, 'primary')).map(sliver => ({
    ref: sliver,
    bytes: blob.sliver(sliver),
  }))
  blob.release()
  const target = ref(n - 1, 'secondary')
  const symbols = await Promise.all(
    slivers.map(({ ref: source, bytes }) =>
      codec.recoverySymbols({ metadata, source, bytes, targets: [target] }),
    ),
  )
  const operations: Record<Operation, (by: Codec) => Promise<void>> = {
    encode: async by => (await by.encode(data, n)).release(),
    metadata: async by => {
      await by.metadata(data, n)
    },
    decode: async by => {
      await by.decode({ metadata, slivers, verify: false })
    },
    recover: async by => {
      await by.recoverSliver({ metadata, target, symbols: symbols.flat() })
    },
  }
  return { metadata, repairs: slivers.map(({ bytes }) => bytes), operations }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
