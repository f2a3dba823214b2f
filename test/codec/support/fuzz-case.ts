import assert from 'node:assert/strict'
import { codecOn } from '../../../codec/codec.ts'
import { Engine } from '../../../codec/host/engine.ts'
import {
  type Axis,
  type Codec,
  CodecError,
  type EncodedBlob,
  encodingParams,
  type KernelBuild,
  maxBlobSize,
  type SliverBytes,
  symbolSize,
  verifySymbol,
} from '../../../codec/index.ts'
import { enough, ref, sample, sliversOf, xorshiftBytes, xorshiftIntegers } from './data.ts'
import { crowds } from './fuzz-crowd.ts'
import { provesCheating } from './fuzz-proofs.ts'
import { quilts } from './fuzz-quilt.ts'
import { MemoryBlob, MemorySlivers } from './memory-files.ts'
import { officialEncode } from './official.ts'

type Random = (below: number) => number

const BUILDS: { build: KernelBuild; threads: number }[] = [
  { build: 'relaxed', threads: 0 },
  { build: 'relaxed', threads: 1 },
  { build: 'relaxed', threads: 2 },
  { build: 'plain', threads: 0 },
  { build: 'plain', threads: 2 },
  // more than there are cores on many a machine
  { build: 'relaxed', threads: 6 },
]
const MAX_SHARDS = 140
/** of three cases in four; the fourth may have a hundred times as much */
const SMALL_BYTES = 30_000
const LARGE_BYTES = 3_000_000

/**
 * Runs cases from a seed for as long as `proceed` says; answers how many. Throws with the case's seed, from which a run
 * begins with that case.
 */
export async function runCodecFuzz(seed: number, proceed: (done: number) => boolean): Promise<number> {
  const engines = BUILDS.map(options => new Engine(options))
  let done = 0
  try {
    for (; proceed(done); done++) {
      const caseSeed = (seed + Math.imul(done, 0x9e3779b1)) >>> 0
      try {
        await fuzzCase(engines, caseSeed)
      } catch (cause) {
        throw new Error(
          `case ${done} of seed ${seed}, alone: seed ${caseSeed}: ${(cause as Error).message}`,
          { cause },
        )
      }
    }
  } finally {
    await Promise.all(engines.map(engine => engine.close()))
  }
  return done
}

async function fuzzCase(engines: readonly Engine[], seed: number): Promise<void> {
  const random = xorshiftIntegers(seed)
  const engine = engines[random(engines.length)]!
  const codec = codecOn(engine)
  // the official encoder takes no less than 4 shards
  const n = 4 + random(MAX_SHARDS - 4)
  const data = randomBlob(random, n)
  const official = officialEncode(data, n)
  const blob = await codec.encode(data, n)
  assert.equal(blob.metadata.blobId, official.blobId, `blob ID of ${data.length} bytes on ${n} shards`)
  for (let pair = 0; pair < n; pair++) {
    for (const axis of ['primary', 'secondary'] as const) {
      const same = Buffer.compare(blob.view(ref(pair, axis)), official[axis][pair]!) === 0
      assert.ok(same, `${axis} sliver ${pair} of ${data.length} bytes on ${n} shards`)
    }
  }
  const axis: Axis = random(2) === 0 ? 'primary' : 'secondary'
  await decodes(codec, random, blob, data, axis)
  await recovers(codec, random, blob, axis)
  await survivesDamage(codec, random, blob, data, axis)
  if (random(4) === 0) await streams(codec, random, blob, data)
  if (random(4) === 0) await provesCheating(engine, codec, random, blob, axis)
  blob.release()
  if (random(4) === 0) await quilts(random, n)
  if (random(12) === 0) await crowds(codec, random)
}

/** Sizes of every magnitude, some exactly full, some with zeros at the end. */
function randomBlob(random: Random, n: number): Uint8Array {
  const limit = Math.min(random(4) === 0 ? LARGE_BYTES : SMALL_BYTES, maxBlobSize(n))
  const { primarySymbols: p, secondarySymbols: s } = encodingParams(n)
  let length = Math.min(limit, Math.floor(2 ** ((Math.log2(limit + 1) * random(1001)) / 1000)))
  if (random(5) === 0) length = Math.min(p * s * symbolSize(n, length), limit)
  const data = xorshiftBytes(random(2 ** 32) + 1, length)
  if (random(4) === 0) data.fill(0, random(length + 1))
  return data
}

async function decodes(
  codec: Codec,
  random: Random,
  blob: EncodedBlob,
  data: Uint8Array,
  axis: Axis,
): Promise<void> {
  const { metadata } = blob
  const n = metadata.nShards
  const slivers = sliversOf(blob, axis, sample(random, n, enough(n, axis)))
  const decoded = await codec.decode({ metadata, slivers, verify: random(2) === 0 })
  assert.ok(Buffer.compare(decoded, data) === 0, `decode of ${data.length} bytes on ${n} shards`)
}

async function recovers(codec: Codec, random: Random, blob: EncodedBlob, axis: Axis): Promise<void> {
  const { metadata } = blob
  const n = metadata.nShards
  const target = ref(random(n), axis)
  const other = axis === 'primary' ? 'secondary' : 'primary'
  const proofs = random(2) === 0
  const symbols = []
  // as many crossing slivers as the target has symbols
  const sources = sliversOf(blob, other, sample(random, n, enough(n, other)))
  for (const { ref: source, bytes } of sources) {
    const [symbol] = await codec.recoverySymbols({ metadata, source, bytes, targets: [target], proofs })
    if (proofs) verifySymbol(metadata, target, symbol!)
    symbols.push(symbol!)
  }
  assert.deepEqual(await codec.recoverSliver({ metadata, target, symbols }), blob.sliver(target))
}

/** Anything may have happened to the slivers: the result is the blob or a typed error, never something else. */
async function survivesDamage(
  codec: Codec,
  random: Random,
  blob: EncodedBlob,
  data: Uint8Array,
  axis: Axis,
): Promise<void> {
  const { metadata } = blob
  const n = metadata.nShards
  const slivers = sliversOf(blob, axis, sample(random, n, enough(n, axis))).map(sliver =>
    damage(random, sliver, n),
  )
  try {
    const decoded = await codec.decode({ metadata, slivers })
    assert.ok(Buffer.compare(decoded, data) === 0, 'a wrong answer from damaged slivers')
  } catch (error) {
    if (!(error instanceof CodecError)) throw error
    assert.ok(EXPECTED.has(error.code), error.code)
  }
  for (const { ref: at, bytes } of slivers.slice(0, 3)) {
    try {
      await codec.verifySliver(metadata, at, bytes)
      assert.ok(Buffer.compare(bytes, blob.view(at)) === 0, 'a wrong sliver was verified')
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      assert.ok(EXPECTED.has(error.code), error.code)
    }
  }
}

const EXPECTED = new Set([
  'TOO_FEW_SLIVERS',
  'SLIVER_MALFORMED',
  'SLIVER_MISMATCH',
  'BLOB_ID_MISMATCH',
  'INVALID_ARGUMENT',
])

function damage(random: Random, { ref: at, bytes }: SliverBytes, n: number): SliverBytes {
  switch (random(12)) {
    case 0:
      return { ref: at, bytes: bytes.with(random(bytes.length), random(256)) }
    case 1:
      return { ref: at, bytes: bytes.subarray(0, random(bytes.length)) }
    case 2:
      return { ref: at, bytes: xorshiftBytes(random(1000) + 1, bytes.length) }
    case 3:
      return { ref: ref(random(n + 1), at.axis), bytes }
    default:
      return { ref: at, bytes }
  }
}

async function streams(codec: Codec, random: Random, blob: EncodedBlob, data: Uint8Array): Promise<void> {
  const { metadata } = blob
  const { nShards: n } = metadata
  const windowBytes = 1 + random(4 * n * symbolSize(n, data.length) * n)
  const slivers = new MemorySlivers()
  const streamed = await codec.encodeStream({
    source: new MemoryBlob(data),
    nShards: n,
    slivers,
    windowBytes,
  })
  assert.equal(streamed.metadata.blobId, metadata.blobId)
  for (const axis of ['primary', 'secondary'] as const) {
    const pair = random(n)
    assert.deepEqual(slivers.get(ref(pair, axis)), blob.sliver(ref(pair, axis)))
    const output = new MemoryBlob(new Uint8Array(data.length))
    const available = sample(random, n, enough(n, axis)).map(chosen => ref(chosen, axis))
    await codec.decodeStream({ metadata, available, slivers, output, windowBytes })
    assert.ok(Buffer.compare(output.bytes, data) === 0, 'decodeStream')
  }
}
