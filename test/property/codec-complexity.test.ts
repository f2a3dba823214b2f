import assert from 'node:assert/strict'
import { codecOn } from '../../codec/codec.ts'
import { Allotment } from '../../codec/host/arena.ts'
import { Engine } from '../../codec/host/engine.ts'
import { OPERATIONS } from '../../codec/host/phase.ts'
import { type Codec, maxBlobSize, symbolSize } from '../../codec/index.ts'
import { allotEncode } from '../../codec/jobs/encode.ts'
import { planDecodeStream } from '../../codec/stream/decode.ts'
import { planEncodeStream } from '../../codec/stream/encode.ts'
import { streamGeometry } from '../../codec/stream/geometry.ts'
import { enough, ref, sliversOf, xorshiftBytes } from '../codec/support/data.ts'

const MIB = 2 ** 20

/** Where a kernel call says how many codewords it works on. */
const BATCH_ARGUMENT: Partial<Record<(typeof OPERATIONS)[number], number>> = {
  expandTo: 4,
  expand: 5,
  hashSymbols: 5,
  decodeWords: 3,
}

/** A codec whose work can be counted: codewords that the kernel transforms or hashes, times their symbols' size. */
function countingCodec(): {
  codec: Codec
  workOf(size: number, call: () => Promise<unknown>): Promise<number>
  /** how often the kernel was called for each operation, or for how many codewords */
  callsOf(call: () => Promise<unknown>): Promise<Partial<Record<(typeof OPERATIONS)[number], number>>>
  /** bytes of the largest memory that the call took */
  memoryOf(call: () => Promise<unknown>): Promise<number>
} {
  const engine = new Engine({ threads: 0 })
  let words = 0
  let calls: Partial<Record<(typeof OPERATIONS)[number], number>> = {}
  let memory = 0
  const acquire = engine.arenas.acquire.bind(engine.arenas)
  engine.arenas.acquire = bytes => {
    memory = Math.max(memory, bytes)
    return acquire(bytes)
  }
  const run = engine.run.bind(engine)
  engine.run = (arena, phase, ...rest) => {
    const { code } = phase
    for (let at = 0; at < code.length; at += 2 + code[at + 1]!) {
      const operation = OPERATIONS[code[at]!]!
      const argument = BATCH_ARGUMENT[operation]
      const count = argument === undefined ? 1 : code[at + 2 + argument]!
      if (argument !== undefined) words += count
      calls[operation] = (calls[operation] ?? 0) + count
    }
    return run(arena, phase, ...rest)
  }
  return {
    codec: codecOn(engine),
    async workOf(size, call) {
      words = 0
      await call()
      return words * size
    },
    async callsOf(call) {
      calls = {}
      await call()
      return calls
    },
    async memoryOf(call) {
      memory = 0
      await call()
      return memory
    },
  }
}

describe('complexity of the codec', () => {
  const n = 100
  const { codec, workOf, callsOf, memoryOf } = countingCodec()
  after(() => codec.close())

  const workFor = async (bytes: number) => {
    const data = xorshiftBytes(1, bytes)
    const size = symbolSize(n, bytes)
    const blob = await codec.encode(data, n)
    const { metadata } = blob
    const slivers = sliversOf(
      blob,
      'primary',
      Array.from({ length: enough(n, 'primary') }, (_, i) => n - 1 - i),
    )
    const source = ref(0, 'primary')
    const bytesOfSource = blob.sliver(source)
    blob.release()
    return {
      encode: await workOf(size, async () => (await codec.encode(data, n)).release()),
      metadata: await workOf(size, () => codec.metadata(data, n)),
      decode: await workOf(size, () => codec.decode({ metadata, slivers, verify: false })),
      verifySliver: await workOf(size, () => codec.verifySliver(metadata, source, bytesOfSource)),
    }
  }

  it('is at most linear in the size of the blob', async () => {
    const small = await workFor(MIB)
    const large = await workFor(4 * MIB)
    for (const operation of ['encode', 'metadata', 'decode', 'verifySliver'] as const) {
      assert.ok(small[operation] > 0)
      // symbols have an even number of bytes: at 1 MiB that makes up to half a percent
      assert.ok(
        large[operation] <= 4.02 * small[operation],
        `${operation}: ${large[operation] / small[operation]}`,
      )
    }
  })

  it('is that of every row and column once', async () => {
    const { encode, decode } = await workFor(MIB)
    const size = symbolSize(n, MIB)
    // rows of the message are expanded, all columns expanded and hashed
    assert.equal(encode, (enough(n, 'primary') + 2 * n) * size)
    // each column of the message is decoded, and no other
    assert.equal(decode, enough(n, 'secondary') * size)
  })

  it('of a recovery is one expansion for each source, without hashing, and one plan, whatever is lost', async () => {
    const blob = await codec.encode(xorshiftBytes(2, 100_000), n)
    const { metadata } = blob
    const pairs = Array.from({ length: enough(n, 'primary') }, (_, i) => n - 1 - i)
    const targets = Array.from({ length: 77 }, (_, i) => ref(i, 'secondary'))
    const crossings = sliversOf(blob, 'primary', pairs).map(({ ref: source, bytes }) => ({
      metadata,
      source,
      bytes,
      targets,
    }))
    let received: { index: number; data: Uint8Array }[] = []
    const expansion = await callsOf(async () => {
      received = (await codec.symbolsFor(crossings)).map(({ value }) => value!)
    })
    assert.deepEqual(expansion, { expand: pairs.length, takeSymbols: pairs.length })
    const input = { metadata, targets, received }
    assert.deepEqual(await callsOf(() => codec.recoverSlivers({ ...input, verify: false })), {
      locate: 1,
      copyWords: (await callsOf(() => codec.recoverSlivers({ ...input, verify: false }))).copyWords,
      decodeWords: targets.length,
    })
    const [{ source, bytes }] = crossings as [(typeof crossings)[number]]
    assert.deepEqual(await callsOf(() => codec.recoverySymbols({ metadata, source, bytes, targets })), {
      expand: 1,
      takeSymbols: 1,
    })
    blob.release()
  })

  it('takes memory for a part of a batch only', async () => {
    const shards = 10
    const blob = await codec.encode(xorshiftBytes(2, maxBlobSize(shards)), shards)
    const { metadata } = blob
    const take = (count: number) => async () => {
      const targets = Array.from({ length: count }, (_, i) => ref(i % shards, 'secondary'))
      const slivers = sliversOf(
        blob,
        'primary',
        targets.map(({ pair }) => pair),
      )
      await codec.verifySlivers(slivers.map(sliver => ({ metadata, ...sliver })))
      const crossings = slivers
        .slice(0, 4)
        .map(({ ref: source, bytes }) => ({ metadata, source, bytes, targets }))
      const symbols = (await codec.symbolsFor(crossings)).map(({ value }) => value!)
      await codec.recoverSlivers({ metadata, targets, received: symbols })
    }
    // slivers of 460 KB: 80 come to twice what is in memory at a time
    const some = await memoryOf(take(80))
    assert.ok(some <= 24 * MIB, `${some / MIB} MiB`)
    blob.release()
  })

  it('takes at most 5 times the blob and 64 MiB of memory to encode', () => {
    const largest: Record<number, number> = { 4: 390_000, 10: 1_800_000, 100: 149_000_000, 1000: 256 * MIB }
    for (const [shards, limit] of Object.entries(largest)) {
      for (const bytes of [0, 1024, MIB, 16 * MIB, 64 * MIB, 256 * MIB].filter(size => size <= limit)) {
        const { allotment } = allotEncode(Number(shards), bytes, 'slivers', 2)
        assert.ok(
          allotment.size <= 5 * bytes + 64 * MIB,
          `${shards} shards, ${bytes} bytes: ${allotment.size}`,
        )
      }
    }
  })

  it('takes less than twice the blob and 64 MiB for metadata alone', () => {
    for (const bytes of [1024, 64 * MIB, 256 * MIB]) {
      assert.ok(allotEncode(1000, bytes, 'message', 2).allotment.size <= 2 * bytes + 64 * MIB)
    }
  })
  it('streams in less than 512 MiB, whatever the blob and however many threads', () => {
    for (const shards of [4, 100, 300, 500, 1000]) {
      for (const part of [0.01, 0.1, 0.5, 1]) {
        const bytes = Math.floor(maxBlobSize(shards) * part)
        const geometry = streamGeometry(shards, bytes)
        const encoding = new Allotment()
        planEncodeStream(encoding, geometry, 64)
        // as many repairs as there can be: the largest plan
        const decoding = (['primary', 'secondary'] as const).map(axis => {
          const allotment = new Allotment()
          const received = Array.from({ length: enough(shards, axis) }, (_, i) => shards - 1 - i)
          planDecodeStream(allotment, geometry, axis, received, 64)
          return allotment
        })
        for (const { size } of [encoding, ...decoding]) {
          // the rest of the process has the other 100 MiB
          assert.ok(size <= 412 * MIB, `${shards} shards, ${bytes} bytes: ${size / MIB} MiB`)
        }
      }
    }
  })
})
