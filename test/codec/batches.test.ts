import assert from 'node:assert/strict'
import { codecOn } from '../../codec/codec.ts'
import { Engine } from '../../codec/host/engine.ts'
import {
  type Axis,
  type BlobMetadata,
  type Codec,
  type CodecError,
  type CrossingInput,
  createAdaptiveCodec,
  createCodec,
  type EncodedBlob,
  type Outcome,
  type RecoverManyInput,
  type SliverOfBlob,
  type SourceSymbols,
} from '../../codec/index.ts'
import { enough, ref, sample, sliversOf, xorshiftBytes, xorshiftIntegers } from './support/data.ts'

const MIB = 2 ** 20
const crossing = (axis: Axis): Axis => (axis === 'primary' ? 'secondary' : 'primary')
const all = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/** What the single form gives or throws. */
async function alone<T>(call: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await call() }
  } catch (error) {
    return { error: error as CodecError }
  }
}

function assertSame<T>(batch: readonly Outcome<T>[], single: readonly Outcome<T>[]): void {
  const plain = ({ value, error }: Outcome<T>) => ({
    value: inspect(value),
    code: error?.code,
    message: error?.message,
    details: error?.details,
  })
  assert.deepEqual(batch.map(plain), single.map(plain))
}

/** Bytes as text: compared a hundred times as fast. */
function inspect(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return value instanceof Object
    ? Object.fromEntries(Object.entries(value).map(([key, part]) => [key, inspect(part)]))
    : value
}

const asOutcomes = (errors: readonly (CodecError | undefined)[]): Outcome<undefined>[] =>
  errors.map(error => (error === undefined ? { value: undefined } : { error }))

/** A batch verified, and each of its members by itself. */
async function verifyBoth(codec: Codec, slivers: readonly SliverOfBlob[]): Promise<Outcome<undefined>[]> {
  const batch = asOutcomes(await codec.verifySlivers(slivers))
  const single: Outcome<undefined>[] = []
  for (const { metadata, ref: at, bytes } of slivers) {
    single.push(await alone(async () => void (await codec.verifySliver(metadata, at, bytes))))
  }
  assertSame(batch, single)
  return batch
}

async function symbolsBoth(
  codec: Codec,
  crossings: readonly CrossingInput[],
): Promise<Outcome<SourceSymbols>[]> {
  const batch = await codec.symbolsFor(crossings)
  const single: Outcome<SourceSymbols>[] = []
  for (const input of crossings) {
    const symbols = await alone(() => codec.recoverySymbols(input))
    single.push(
      symbols.error !== undefined
        ? symbols
        : {
            value: {
              index: symbols.value[0]!.index,
              data: Buffer.concat(symbols.value.map(({ data }) => data)),
            },
          },
    )
  }
  assertSame(batch, single)
  return batch
}

async function recoverBoth(codec: Codec, input: RecoverManyInput): Promise<Outcome<Uint8Array>[]> {
  const { metadata, targets, received, verify } = input
  const batch = await codec.recoverSlivers(input)
  const single: Outcome<Uint8Array>[] = []
  for (const [i, target] of targets.entries()) {
    const symbols = received.map(({ index, data }) => {
      const size = data.length / targets.length
      return { index, data: data.slice(i * size, (i + 1) * size) }
    })
    single.push(await alone(() => codec.recoverSliver({ metadata, target, symbols, verify })))
  }
  assertSame(batch, single)
  return batch
}

const crossingsOf = (blob: EncodedBlob, axis: Axis, sources: number[], targets: number[]): CrossingInput[] =>
  sliversOf(blob, crossing(axis), sources).map(({ ref: source, bytes }) => ({
    metadata: blob.metadata,
    source,
    bytes,
    targets: targets.map(pair => ref(pair, axis)),
  }))

const valuesOf = <T>(outcomes: readonly Outcome<T>[]): T[] =>
  outcomes.map(({ value, error }) => {
    if (error !== undefined) throw error
    return value as T
  })

const ofBlob = (blob: EncodedBlob, axis: Axis, pairs: readonly number[]): SliverOfBlob[] =>
  sliversOf(blob, axis, pairs).map(sliver => ({ metadata: blob.metadata, ...sliver }))

for (const options of [
  { threads: 0, build: 'plain' },
  { threads: 2, build: 'relaxed' },
] as const) {
  describe(`slivers in batches (${options.build} kernel, ${options.threads} threads)`, () => {
    const codec = createCodec(options)
    after(() => codec.close())

    for (const [n, length] of [
      [1, 5],
      [2, 5],
      [4, 0],
      [7, 1000],
      [10, 1_700_000],
      [31, 100_000],
      [100, 3000],
      [100, 2_000_000],
      [400, 10],
    ] as const) {
      it(`are what they are one by one: ${length} bytes on ${n} shards`, async () => {
        const blob = await codec.encode(xorshiftBytes(n, length), n)
        const { metadata } = blob
        const random = xorshiftIntegers(n * length + 1)
        const some = sample(random, n, Math.min(n, 12))
        await verifyBoth(codec, [...ofBlob(blob, 'primary', some), ...ofBlob(blob, 'secondary', some)])
        for (const axis of ['primary', 'secondary'] as const) {
          const sources = sample(random, n, Math.min(n, enough(n, crossing(axis)) + 1))
          const crossings = crossingsOf(blob, axis, sources, some)
          const few = crossings.slice(0, 10)
          assertSame((await codec.symbolsFor(crossings)).slice(0, 10), await symbolsBoth(codec, few))
          const received = valuesOf(await codec.symbolsFor(crossings))
          const targets = some.map(pair => ref(pair, axis))
          const recovered = await recoverBoth(codec, { metadata, targets, received })
          assert.deepEqual(
            valuesOf(recovered),
            targets.map(target => blob.sliver(target)),
          )
        }
        blob.release()
      })
    }

    it('of two-byte symbols are looked up in a table once it pays, with the same result', async () => {
      const n = 100
      const blob = await codec.encode(xorshiftBytes(1, 4000), n)
      const slivers = [...ofBlob(blob, 'primary', all(n)), ...ofBlob(blob, 'secondary', all(n))]
      const last = slivers.length - 1
      slivers[last] = { ...slivers[last]!, bytes: slivers[last]!.bytes.with(1, 9) }
      // 20,000 leaves a time, of 131,072 that make the table pay, and more when there is one
      for (let round = 0; round < 9; round++) {
        const errors = await codec.verifySlivers(slivers)
        assert.deepEqual(
          errors.map(error => error?.code),
          slivers.map((_, i) => (i === last ? 'SLIVER_MISMATCH' : undefined)),
        )
      }
    })

    it('that do not fit into memory together are worked on in parts', async () => {
      const n = 10
      const blob = await codec.encode(xorshiftBytes(3, 1_800_000), n)
      const { metadata } = blob
      const pairs = Array.from({ length: 70 }, (_, i) => i % n)
      // 70 slivers of 257 KB and 70 of 450 KB
      const slivers = [...ofBlob(blob, 'secondary', pairs), ...ofBlob(blob, 'primary', pairs)]
      slivers[60] = { ...slivers[60]!, bytes: slivers[60]!.bytes.with(1000, slivers[60]!.bytes[1000]! ^ 1) }
      const errors = await codec.verifySlivers(slivers)
      assert.deepEqual(
        errors.flatMap((error, i) => (error === undefined ? [] : [i, error.code])),
        [60, 'SLIVER_MISMATCH'],
      )
      const received = valuesOf(await codec.symbolsFor(crossingsOf(blob, 'secondary', [9, 7, 4, 2], pairs)))
      const targets = pairs.map(pair => ref(pair, 'secondary'))
      const recovered = valuesOf(await codec.recoverSlivers({ metadata, targets, received }))
      for (const [i, bytes] of recovered.entries()) {
        assert.ok(Buffer.compare(bytes, blob.view(targets[i]!)) === 0, `target ${i}`)
      }
      // many symbols of few sources do not fit either
      const many = Array.from({ length: 300 }, (_, i) => ref(i % n, 'secondary'))
      const [first, second] = sliversOf(blob, 'primary', [8, 3]).map(({ ref: source, bytes }) => ({
        metadata,
        source,
        bytes,
        targets: many,
      }))
      const [a, b] = valuesOf(await codec.symbolsFor([first!, second!]))
      const [alone8] = valuesOf(await codec.symbolsFor([{ ...first!, targets: many.slice(0, n) }]))
      assert.deepEqual(a!.data.subarray(-alone8!.data.length), alone8!.data)
      assert.notDeepEqual(a!.data, b!.data)
      blob.release()
    }).timeout(20_000)
  })
}

describe('a batch of slivers', () => {
  const engine = new Engine({ threads: 0 })
  const codec = codecOn(engine)
  const n = 10
  let blob: EncodedBlob
  let metadata: BlobMetadata
  let received: SourceSymbols[]
  const targets = [2, 0, 9].map(pair => ref(pair, 'secondary'))

  before(async () => {
    blob = await codec.encode(xorshiftBytes(8, 5000), n)
    metadata = blob.metadata
    received = valuesOf(await codec.symbolsFor(crossingsOf(blob, 'secondary', [1, 5, 7, 9], [2, 0, 9])))
  })
  after(() => codec.close())

  it('may be empty', async () => {
    assert.deepEqual(await codec.verifySlivers([]), [])
    assert.deepEqual(await codec.symbolsFor([]), [])
    assert.deepEqual(await codec.recoverSlivers({ metadata, targets: [], received: [] }), [])
    assert.deepEqual(valuesOf(await codec.symbolsFor(crossingsOf(blob, 'secondary', [1], []))), [
      { index: 1, data: new Uint8Array() },
    ])
  })

  it('names each bad member, and verifies the others', async () => {
    const other = await codec.encode(xorshiftBytes(9, 70_000), 31)
    const good = ofBlob(blob, 'primary', [1])[0]!
    const large = ofBlob(other, 'secondary', [4])[0]!
    const { bytes } = good
    const slivers: SliverOfBlob[] = [
      good,
      { ...good, bytes: bytes.with(5, bytes[5]! ^ 1) },
      large,
      { ...good, bytes: bytes.subarray(1) },
      { ...good, bytes: new Uint8Array() },
      { ...good, bytes: new Uint8Array(MIB) },
      { ...good, bytes: bytes.with(0, bytes[0]! ^ 1) },
      { ...good, bytes: bytes.with(-4, bytes.at(-4)! ^ 2) },
      { ...good, bytes: bytes.with(-2, 2) },
      { ...good, ref: ref(2, 'primary') },
      { ...good, ref: ref(1, 'secondary') },
      { ...good, ref: ref(n, 'primary') },
      { ...good, ref: ref(-1, 'primary') },
      { ...good, ref: ref(Number.NaN, 'primary') },
      { ...good, metadata: other.metadata },
      { ...good, metadata: { ...metadata, nShards: 0 } },
      { ...good, metadata: { ...metadata, nShards: 1e9 } },
      { ...good, metadata: { ...metadata, unencodedLength: -1 } },
      { ...good, metadata: { ...metadata, unencodedLength: 2 ** 52 } },
      { ...good, metadata: { ...metadata, hashes: new Uint8Array() } },
      { ...large, metadata: { ...other.metadata, hashes: metadata.hashes } },
      good,
    ]
    const outcomes = await verifyBoth(codec, slivers)
    const codes = outcomes.map(({ error }) => error?.code)
    assert.deepEqual(
      codes.flatMap((code, i) => (code === undefined ? [i] : [])),
      [0, 2, slivers.length - 1],
    )
    for (const code of ['SLIVER_MISMATCH', 'SLIVER_MALFORMED', 'INVALID_ARGUMENT', 'BLOB_TOO_LARGE']) {
      assert.ok(codes.includes(code as never), code)
    }
    assert.deepEqual(outcomes[3]!.error!.details, { pair: 1, axis: 'primary', what: 'length' })
    other.release()
  })

  it('names each source that gives no symbols, and takes those of the others', async () => {
    const [one] = crossingsOf(blob, 'secondary', [1], [2, 0, 9])
    const [last] = crossingsOf(blob, 'secondary', [9], [0, 9])
    const outcomes = await symbolsBoth(codec, [
      one!,
      { ...one!, bytes: one!.bytes.subarray(2) },
      { ...one!, targets: [ref(2, 'primary')] },
      last!,
      { ...one!, targets: [ref(3, 'secondary'), ref(n, 'secondary')] },
      { ...one!, targets: [ref(0.5, 'secondary')] },
      { ...one!, source: ref(1, 'secondary') },
      { ...one!, metadata: { ...metadata, unencodedLength: 2 ** 52 } },
    ])
    assert.deepEqual(
      outcomes.map(({ error }) => error?.code),
      [
        undefined,
        'SLIVER_MALFORMED',
        'INVALID_ARGUMENT',
        undefined,
        'INVALID_ARGUMENT',
        'INVALID_ARGUMENT',
        'SLIVER_MALFORMED',
        'BLOB_TOO_LARGE',
      ],
    )
  })

  it('names each target that comes out wrong', async () => {
    const size = received[0]!.data.length / targets.length
    // the second source lies about the second target
    const lying = received.map(({ index, data }, i) => ({
      index,
      data: i === 1 ? data.with(size + 1, data[size + 1]! ^ 1) : data,
    }))
    const outcomes = await recoverBoth(codec, { metadata, targets, received: lying })
    assert.deepEqual(
      outcomes.map(({ error }) => error?.code),
      [undefined, 'SLIVER_MISMATCH', undefined],
    )
    assert.deepEqual(outcomes[1]!.error!.details, { pair: 0, axis: 'secondary' })
    const unverified = await recoverBoth(codec, { metadata, targets, received: lying, verify: false })
    assert.deepEqual(
      unverified.map(({ error }) => error),
      [undefined, undefined, undefined],
    )
    // of two of one source the first counts
    await recoverBoth(codec, { metadata, targets, received: [...received, lying[1]!] })
    assert.equal(
      (await recoverBoth(codec, { metadata, targets, received: [lying[1]!, ...received] }))[1]!.error?.code,
      'SLIVER_MISMATCH',
    )
  })

  it('tells each target what is wrong with the sources', async () => {
    const wrong: [SourceSymbols[], string][] = [
      [[], 'TOO_FEW_SYMBOLS'],
      [received.slice(1), 'TOO_FEW_SYMBOLS'],
      [[...received.slice(1), received[1]!], 'TOO_FEW_SYMBOLS'],
      [[...received, { index: n, data: received[0]!.data }], 'INVALID_ARGUMENT'],
      [[...received, { index: -1, data: received[0]!.data }], 'INVALID_ARGUMENT'],
    ]
    for (const [symbols, code] of wrong) {
      const outcomes = await recoverBoth(codec, { metadata, targets, received: symbols })
      assert.deepEqual(
        outcomes.map(({ error }) => error?.code),
        targets.map(() => code),
      )
    }
    for (const bytes of [0, 1, received[0]!.data.length - 2, received[0]!.data.length * 2, MIB]) {
      const odd = received.with(2, { index: 0, data: new Uint8Array(bytes) })
      for (const { error } of await codec.recoverSlivers({ metadata, targets, received: odd })) {
        assert.equal(error?.code, 'SYMBOL_MISMATCH')
        assert.deepEqual(error.details, { index: 0 })
      }
    }
  })

  it('recovers the targets that there are beside those that there are not', async () => {
    const mixed = [ref(2, 'secondary'), ref(n, 'secondary'), ref(9, 'primary')]
    const outcomes = await codec.recoverSlivers({ metadata, targets: mixed, received, verify: false })
    assert.deepEqual(outcomes[0]!.value, blob.sliver(mixed[0]!))
    assert.deepEqual(
      outcomes.map(({ error }) => error?.code),
      [undefined, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
    )
    // what is wrong with a target comes before what is wrong with the symbols
    const none = await recoverBoth(codec, { metadata, targets: [mixed[1]!, mixed[0]!], received: [] })
    assert.deepEqual(
      none.map(({ error }) => error?.code),
      ['INVALID_ARGUMENT', 'TOO_FEW_SYMBOLS'],
    )
    const nowhere = { ...metadata, unencodedLength: 2 ** 52 }
    for (const { error } of await recoverBoth(codec, { metadata: nowhere, targets, received })) {
      assert.equal(error?.code, 'BLOB_TOO_LARGE')
    }
  })

  it('brings a pair back: the secondary from primaries, the primary with the crossings of its own secondaries', async () => {
    const lost = [3, 6]
    // nobody else has more than p primaries and s - 2 secondaries
    const primaries = crossingsOf(blob, 'secondary', [0, 1, 8, 9], lost)
    const secondaries = valuesOf(
      await codec.recoverSlivers({
        metadata,
        targets: lost.map(pair => ref(pair, 'secondary')),
        received: valuesOf(await codec.symbolsFor(primaries)),
      }),
    )
    const own = lost.map((pair, i) => ({
      metadata,
      source: ref(pair, 'secondary'),
      bytes: secondaries[i]!,
      targets: lost.map(target => ref(target, 'primary')),
    }))
    const others = crossingsOf(blob, 'primary', [0, 1, 4, 8, 9], lost)
    const rows = await codec.recoverSlivers({
      metadata,
      targets: lost.map(pair => ref(pair, 'primary')),
      received: valuesOf(await codec.symbolsFor([...others, ...own])),
    })
    assert.deepEqual(
      valuesOf(rows),
      lost.map(pair => blob.sliver(ref(pair, 'primary'))),
    )
  })

  it('is the same of a codec that chooses where to work', async () => {
    const adaptive = createAdaptiveCodec()
    const large = await codec.encode(xorshiftBytes(4, 300_000), n)
    for (const each of [blob, large]) {
      const slivers = ofBlob(each, 'primary', all(n))
      assert.deepEqual(await adaptive.verifySlivers(slivers), await codec.verifySlivers(slivers))
      const crossings = crossingsOf(each, 'primary', [9, 8, 7, 6, 5, 4, 3], [0, 9])
      const symbols = await adaptive.symbolsFor(crossings)
      assert.deepEqual(symbols, await codec.symbolsFor(crossings))
      const input = {
        metadata: each.metadata,
        targets: [0, 9].map(pair => ref(pair, 'primary')),
        received: valuesOf(symbols),
      }
      assert.deepEqual(await adaptive.recoverSlivers(input), await codec.recoverSlivers(input))
      const [{ source, bytes, targets: lost }] = crossings as [CrossingInput]
      const proven = { metadata: each.metadata, source, bytes, targets: lost, proofs: true }
      assert.deepEqual(await adaptive.recoverySymbols(proven), await codec.recoverySymbols(proven))
    }
    large.release()
    await adaptive.close()
  })

  for (const threads of [0, 2]) {
    it(`stops when the signal says so, with ${threads} threads`, async () => {
      const stopping = createCodec({ threads })
      const reason = new Error('enough')
      const slivers = Array.from({ length: 40 }, () => ofBlob(blob, 'primary', all(n))).flat()
      const crossings = Array.from({ length: 40 }, () => crossingsOf(blob, 'primary', all(n), all(n))).flat()
      const many = Array.from({ length: 2000 }, () => targets).flat()
      const rows = received.map(({ index, data }) => ({ index, data: new Uint8Array(data.length * 2000) }))
      const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
        signal => stopping.verifySlivers(slivers, { signal }),
        signal => stopping.symbolsFor(crossings, { signal }),
        signal => stopping.recoverSlivers({ metadata, targets: many, received: rows, signal }),
      ]
      for (const call of calls) {
        await assert.rejects(call(AbortSignal.abort(reason)), reason)
        const controller = new AbortController()
        const stopped = assert.rejects(call(controller.signal), reason)
        controller.abort(reason)
        await stopped
      }
      assert.deepEqual(
        (await stopping.verifySlivers(slivers)).filter(error => error !== undefined),
        [],
      )
      await stopping.close()
      for (const call of calls) await assert.rejects(call(new AbortController().signal), { code: 'CLOSED' })
    })
  }
})
