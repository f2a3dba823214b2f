import assert from 'node:assert/strict'
import { type Axis, type Codec, type EncodedBlob, encodingParams } from '../../../codec/index.ts'
import { enough, ref, sample, sliversOf, xorshiftBytes, xorshiftIntegers } from './data.ts'
import { MemoryBlob, MemorySlivers } from './memory-files.ts'
import { officialEncode } from './official.ts'

type Random = (below: number) => number

/** Blobs that are loaded while their rows are expanded; the official encoder takes a second for one. */
const OVERLAP_BYTES = 8 * 2 ** 20

/**
 * Calls of very different shapes at once on one codec, some of them aborted: none may see what another one left in
 * memory, or leaves there. What comes of it depends on the threads' timing, so a seed may not fail again.
 */
export async function crowds(codec: Codec, random: Random): Promise<void> {
  const seeds = Array.from({ length: 2 + random(5) }, () => random(2 ** 32))
  const results = await Promise.allSettled(seeds.map(seed => oneOfMany(codec, xorshiftIntegers(seed))))
  const failure = results.find(result => result.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}

async function oneOfMany(codec: Codec, random: Random): Promise<void> {
  const { n, data } = randomShape(random)
  const official = officialEncode(data, n)
  const label = `${data.length} bytes on ${n} shards, one of many`
  const blob =
    (await perhapsAborted(random, signal => codec.encode(data, n, { signal }))) ??
    (await codec.encode(data, n))
  try {
    assert.equal(blob.metadata.blobId, official.blobId, label)
    await uses(codec, random, blob, data, label)
    // last: the others must have left these bytes alone
    for (let pair = 0; pair < n; pair++) {
      for (const axis of ['primary', 'secondary'] as const) {
        const same = Buffer.compare(blob.view(ref(pair, axis)), official[axis][pair]!) === 0
        assert.ok(same, `${axis} sliver ${pair} of ${label}`)
      }
    }
  } finally {
    blob.release()
  }
}

async function uses(
  codec: Codec,
  random: Random,
  blob: EncodedBlob,
  data: Uint8Array,
  label: string,
): Promise<void> {
  const { metadata } = blob
  const n = metadata.nShards
  for (let left = 1 + random(3); left > 0; left--) {
    const axis: Axis = random(2) === 0 ? 'primary' : 'secondary'
    const slivers = sliversOf(blob, axis, sample(random, n, enough(n, axis)))
    const verify = random(2) === 0
    const decoded = await perhapsAborted(random, signal =>
      codec.decode({ metadata, slivers, verify, signal }),
    )
    assert.ok(decoded === undefined || Buffer.compare(decoded, data) === 0, `decode of ${label}`)
    const { ref: at, bytes } = slivers[0]!
    await perhapsAborted(random, signal => codec.verifySliver(metadata, at, bytes, { signal }))
    const again = await perhapsAborted(random, signal => codec.metadata(data, n, { signal }))
    assert.ok(again === undefined || again.blobId === metadata.blobId, `metadata of ${label}`)
    if (n > 140 || data.length > 1_000_000) continue
    const streamed = await perhapsAborted(random, signal =>
      codec.encodeStream({
        source: new MemoryBlob(data),
        nShards: n,
        slivers: new MemorySlivers(),
        windowBytes: 1 + random(1_000_000),
        signal,
      }),
    )
    assert.ok(streamed === undefined || streamed.metadata.blobId === metadata.blobId, `stream of ${label}`)
  }
}

/** One blob in sixteen on many shards, with the table of two-byte leaves; one in fifty that is loaded in parts. */
function randomShape(random: Random): { n: number; data: Uint8Array } {
  const isWide = random(16) === 0
  const n = isWide ? 363 + random(300) : 4 + random(137)
  const { primarySymbols: p, secondarySymbols: s } = encodingParams(n)
  // from one symbol of two bytes to symbols of many pieces
  const symbols = isWide ? 2 : [2, 2, 30, 300, 3000, 40_000][random(6)]!
  const limit = n > 40 && random(50) === 0 ? OVERLAP_BYTES + 100_000 : Math.min(p * s * symbols, 1_500_000)
  const length = limit > OVERLAP_BYTES ? limit : random(limit + 1)
  const data = xorshiftBytes(random(2 ** 32) + 1, length)
  if (random(3) === 0) data.fill(0, random(length + 1))
  return { n, data }
}

/** What the call gives; undefined when it was aborted, as some are, at any moment. */
async function perhapsAborted<T>(
  random: Random,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const controller = new AbortController()
  const reason = new Error('aborted by the fuzzer')
  let ended = false
  let turns = random(10) < 4 ? random(30) : -1
  const wait = () => {
    if (ended || turns < 0) return
    if (turns-- === 0) controller.abort(reason)
    else setImmediate(wait)
  }
  wait()
  try {
    return await call(controller.signal)
  } catch (error) {
    if (error !== reason) throw error
    return undefined
  } finally {
    ended = true
  }
}
