import assert from 'node:assert/strict'
import { createCodec } from '../../codec/index.ts'
import { enough, ref, sample, xorshiftBytes, xorshiftIntegers } from './support/data.ts'
import { ChangingBlob, MemoryBlob, MemorySlivers } from './support/memory-files.ts'

for (const options of [
  { threads: 0, build: 'plain' },
  { threads: 2, build: 'relaxed' },
] as const) {
  describe(`streaming (${options.build} kernel, ${options.threads} threads)`, () => {
    const codec = createCodec(options)
    after(() => codec.close())

    for (const [n, length, windowBytes] of [
      [1, 5],
      [4, 0],
      [7, 1],
      [10, 40_001],
      // one row or column at a time, and groups that do not divide what there is
      [7, 1, 1],
      [10, 40_001, 1],
      [13, 200_000, 150_000],
      [31, 100_000, 300_000],
      [100, 20_000, 30_000],
      [10, 1_834_952, 5_000_000],
      [31, 3_000_000, 4_000_000],
    ] as const) {
      const window = windowBytes === undefined ? '' : `, ${windowBytes} at a time`
      it(`gives what encoding in memory gives: ${length} bytes on ${n} shards${window}`, async () => {
        const data = xorshiftBytes(n + 5, length)
        const blob = await codec.encode(data, n)
        const slivers = new MemorySlivers()
        const encoded = await codec.encodeStream({
          source: new MemoryBlob(data),
          nShards: n,
          slivers,
          windowBytes,
        })
        assert.deepEqual(encoded.metadata, blob.metadata)
        assert.deepEqual(encoded.rootHash, blob.rootHash)
        const pairs = Array.from({ length: n }, (_, i) => i)
        for (const axis of ['primary', 'secondary'] as const) {
          for (const pair of pairs)
            assert.deepEqual(slivers.get(ref(pair, axis)), blob.sliver(ref(pair, axis)))
        }

        const working = new MemorySlivers()
        const source = new MemoryBlob(data)
        const { metadata } = await codec.encodeStream({
          source,
          nShards: n,
          slivers: working,
          keep: false,
          windowBytes,
        })
        assert.deepEqual(metadata, blob.metadata)
        assert.equal(
          [...working.files.keys()].some(name => name.startsWith('primary')),
          false,
        )
        blob.release()

        const random = xorshiftIntegers(length + n)
        for (const axis of ['primary', 'secondary'] as const) {
          const count = enough(n, axis)
          for (const chosen of [pairs.slice(0, count), pairs.slice(n - count), sample(random, n, count)]) {
            const output = new MemoryBlob(new Uint8Array(length))
            await codec.decodeStream({
              metadata,
              available: chosen.map(pair => ref(pair, axis)),
              slivers,
              output,
              verifyWith: new MemorySlivers(),
              windowBytes,
            })
            assert.deepEqual(output.bytes, data)
          }
        }
      })
    }
  })
}

describe('streaming', () => {
  const codec = createCodec({ threads: 1 })
  const n = 10
  const data = xorshiftBytes(3, 30_000)
  after(() => codec.close())

  const encode = async () => {
    const slivers = new MemorySlivers()
    const { metadata } = await codec.encodeStream({ source: new MemoryBlob(data), nShards: n, slivers })
    return { slivers, metadata, output: new MemoryBlob(new Uint8Array(data.length)) }
  }
  const rows = [9, 8, 3, 0].map(pair => ref(pair, 'primary'))

  it('counts slivers before it reads any', async () => {
    const { slivers, metadata, output } = await encode()
    const available = [...rows.slice(1), rows[1]!, ref(0, 'secondary')]
    await assert.rejects(codec.decodeStream({ metadata, available, slivers, output }), {
      code: 'TOO_FEW_SLIVERS',
      details: { neededPrimary: 4, neededSecondary: 7, gotPrimary: 3, gotSecondary: 1 },
    })
    const six = Array.from({ length: 6 }, (_, pair) => ref(pair, 'secondary'))
    await assert.rejects(codec.decodeStream({ metadata, available: six, slivers, output }), {
      code: 'TOO_FEW_SLIVERS',
    })
  })

  it('finds a wrong sliver, and one of another shape', async () => {
    const { slivers, metadata, output } = await encode()
    const decode = () =>
      codec.decodeStream({ metadata, available: rows, slivers, output, verifyWith: new MemorySlivers() })
    await slivers.write(rows[0]!, 100, Uint8Array.of(1, 2, 3))
    await assert.rejects(decode(), { code: 'BLOB_ID_MISMATCH' })
    const file = slivers.get(rows[0]!)!
    // length prefix, symbol size, index
    for (const at of [0, file.length - 4, file.length - 2]) {
      await slivers.write(rows[0]!, at, Uint8Array.of(file[at]! ^ 1))
      await assert.rejects(decode(), { code: 'SLIVER_MALFORMED' })
      await slivers.write(rows[0]!, at, Uint8Array.of(file[at]!))
    }
  })

  it('refuses slivers that there cannot be, and a window of no size', async () => {
    const { slivers, metadata, output } = await encode()
    // an honest frame for any row: only the number of the pair is wrong
    const read: MemorySlivers['read'] = async ({ pair, axis }, offset, target) => {
      await slivers.read(ref(0, axis), offset, target)
      if (offset > 0 && target.length === 4) target.set([pair & 0xff, (pair >> 8) & 0xff], 2)
    }
    for (const pair of [-1, n, 5000, 0.5, Number.NaN]) {
      const available = [ref(pair, 'primary'), ...rows.slice(1)]
      await assert.rejects(codec.decodeStream({ metadata, available, slivers: { read }, output }), {
        code: 'INVALID_ARGUMENT',
      })
    }
    for (const windowBytes of [0, -1, 0.5, Number.NaN]) {
      const source = new MemoryBlob(data)
      await assert.rejects(
        codec.encodeStream({ source, nShards: n, slivers: new MemorySlivers(), windowBytes }),
        { code: 'INVALID_ARGUMENT' },
      )
    }
  })

  it('notices a source that is changed between the passes, wherever that is', async () => {
    const random = xorshiftIntegers(11)
    for (const shards of [4, 10, 31]) {
      for (const keep of [true, false]) {
        for (const at of [0, data.length - 1, ...Array.from({ length: 6 }, () => random(data.length))]) {
          const source = new ChangingBlob(data.slice(), at)
          await assert.rejects(
            codec.encodeStream({
              source,
              nShards: shards,
              slivers: new MemorySlivers(),
              keep,
              windowBytes: 40_000,
            }),
            { code: 'SOURCE_CHANGED' },
          )
        }
      }
    }
  })

  it('notices repair columns that come back as something else', async () => {
    const slivers = new MemorySlivers()
    const read = slivers.read.bind(slivers)
    slivers.read = async (at, offset, target) => {
      await read(at, offset, target)
      if (at.pair === 0) target[7]! ^= 1
    }
    await assert.rejects(codec.encodeStream({ source: new MemoryBlob(data), nShards: n, slivers }), {
      code: 'SOURCE_CHANGED',
    })
  })

  it('reads a source once where there is nothing to compare by', async () => {
    for (const shards of [1, 2, 3]) {
      const slivers = new MemorySlivers()
      const source = new ChangingBlob(xorshiftBytes(1, 1000), 3)
      const { metadata } = await codec.encodeStream({ source, nShards: shards, slivers, windowBytes: 500 })
      for (let pair = 0; pair < shards; pair++) {
        for (const axis of ['primary', 'secondary'] as const) {
          await codec.verifySliver(metadata, ref(pair, axis), slivers.get(ref(pair, axis))!)
        }
      }
    }
  })

  it('begins no more reads after a failure, or once it is told to stop', async () => {
    const shards = 100
    const slivers = new MemorySlivers()
    const { metadata } = await codec.encodeStream({ source: new MemoryBlob(data), nShards: shards, slivers })
    const available = Array.from({ length: 67 }, (_, pair) => ref(pair, 'secondary'))
    const reason = new Error('enough')
    for (const stop of [
      (controller: AbortController) => controller.abort(reason),
      () => Promise.reject(reason),
    ]) {
      const controller = new AbortController()
      let reads = 0
      const read: MemorySlivers['read'] = async (at, offset, target) => {
        if (++reads === 20) await stop(controller)
        await slivers.read(at, offset, target)
      }
      const output = new MemoryBlob(new Uint8Array(data.length))
      const { signal } = controller
      await assert.rejects(
        codec.decodeStream({ metadata, available, slivers: { read }, output, signal }),
        reason,
      )
      // the 16 that had begun, two reads each, of 134
      assert.ok(reads <= 20 + 32, `${reads} reads`)
    }
  })

  it('passes on what fails below it, and stops when it is told', async () => {
    const { slivers, metadata, output } = await encode()
    slivers.files.delete('primary-8')
    await assert.rejects(
      codec.decodeStream({ metadata, available: rows, slivers, output }),
      /short read of primary-8/,
    )
    const full = new Error('no space left')
    const refusing = { read: slivers.read, write: () => Promise.reject(full) }
    const source = new MemoryBlob(data)
    await assert.rejects(codec.encodeStream({ source, nShards: n, slivers: refusing }), full)
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(codec.encodeStream({ source, nShards: n, slivers, signal }), /enough/)
  })

  it('tells how far it is, and ends at the end', async () => {
    const steps: number[] = []
    let last = 0
    const onProgress = (done: number, total: number) => {
      steps.push(done)
      last = total
    }
    await codec.encodeStream({
      source: new MemoryBlob(data),
      nShards: n,
      slivers: new MemorySlivers(),
      onProgress,
    })
    assert.deepEqual(
      steps,
      steps.toSorted((a, b) => a - b),
    )
    assert.equal(steps.at(-1), last)
  })
})
