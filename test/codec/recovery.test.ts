import assert from 'node:assert/strict'
import { bcs } from '@mysten/bcs'
import { codecOn } from '../../codec/codec.ts'
import { Engine } from '../../codec/host/engine.ts'
import {
  type Axis,
  type BlobMetadata,
  createCodec,
  decodeInconsistencyProof,
  decodeRecoverySymbol,
  type EncodedBlob,
  encodeInconsistencyProof,
  encodeRecoverySymbol,
  type ProvenSymbol,
  type SliverCodec,
  type SliverRef,
  symbolSize,
  verifySymbol,
} from '../../codec/index.ts'
import { sliverFromBody } from '../../codec/sliver.ts'
import { cheatingMetadata } from './support/cheat.ts'
import { enough, ref, sample, sliversOf, xorshiftBytes, xorshiftIntegers } from './support/data.ts'
import { turnsDuring } from './support/turns.ts'

const merkleNode = bcs.enum('MerkleNode', { Empty: null, Digest: bcs.bytes(32) })
const symbolBcs = bcs.struct('RecoverySymbol', {
  symbol: bcs.struct('DecodingSymbol', { index: bcs.u16(), data: bcs.byteVector() }),
  proof: bcs.struct('MerkleProof', { path: bcs.vector(merkleNode) }),
})
const proofBcs = bcs.struct('InconsistencyProof', { target: bcs.u16(), symbols: bcs.vector(symbolBcs) })
const toBcs = ({ index, data, path }: ProvenSymbol): typeof symbolBcs.$inferInput => ({
  symbol: { index, data },
  proof: { path: path.map(node => (node.some(byte => byte !== 0) ? { Digest: node } : { Empty: true })) },
})

const crossing = (axis: Axis): Axis => (axis === 'primary' ? 'secondary' : 'primary')

/** Symbols for a target from the slivers of these pairs. */
async function symbolsFrom(
  codec: SliverCodec,
  blob: EncodedBlob,
  target: SliverRef,
  pairs: readonly number[],
  proofs = false,
  metadata: BlobMetadata = blob.metadata,
): Promise<ProvenSymbol[]> {
  const sources = sliversOf(blob, crossing(target.axis), pairs)
  const symbols = await Promise.all(
    sources.map(({ ref: source, bytes }) =>
      codec.recoverySymbols({ metadata, source, bytes, targets: [target], proofs }),
    ),
  )
  return symbols.flat()
}

for (const options of [
  { threads: 0, build: 'plain' },
  { threads: 2, build: 'relaxed' },
] as const) {
  describe(`recovery (${options.build} kernel, ${options.threads} threads)`, () => {
    const codec = createCodec(options)
    after(() => codec.close())

    for (const [n, length] of [
      [2, 5],
      [4, 0],
      [7, 1000],
      [10, 40_000],
      [31, 100_000],
      [100, 30_000],
    ] as const) {
      it(`brings back slivers of ${length} bytes on ${n} shards`, async () => {
        const blob = await codec.encode(xorshiftBytes(n, length), n)
        const { metadata } = blob
        const random = xorshiftIntegers(length + n)
        for (const axis of ['primary', 'secondary'] as const) {
          for (const pair of [0, n - 1, random(n)]) {
            const target = ref(pair, axis)
            const pairs = sample(random, n, enough(n, axis === 'primary' ? 'secondary' : 'primary'))
            const symbols = await symbolsFrom(codec, blob, target, pairs, true)
            for (const symbol of symbols) verifySymbol(metadata, target, symbol)
            assert.deepEqual(await codec.recoverSliver({ metadata, target, symbols }), blob.sliver(target))
          }
        }
        blob.release()
      })
    }
  })
}

describe('recovery symbols', () => {
  const codec = createCodec({ threads: 0 })
  const n = 10
  const target = ref(2, 'secondary')
  let blob: EncodedBlob
  let metadata: BlobMetadata
  let symbols: ProvenSymbol[]

  before(async () => {
    blob = await codec.encode(xorshiftBytes(8, 5000), n)
    metadata = blob.metadata
    symbols = await symbolsFrom(codec, blob, target, [1, 3, 5, 7, 9], true)
  })
  after(() => codec.close())

  it('are the same with and without proof, for one target and for many', async () => {
    const source = ref(9, 'primary')
    const bytes = blob.sliver(source)
    const targets = Array.from({ length: n }, (_, pair) => ref(pair, 'secondary'))
    const plain = await codec.recoverySymbols({ metadata, source, bytes, targets })
    const proven = await codec.recoverySymbols({ metadata, source, bytes, targets, proofs: true })
    assert.deepEqual(
      proven.map(({ index, data }) => ({ index, data, path: [] })),
      plain,
    )
    for (const [i, symbol] of proven.entries()) {
      verifySymbol(metadata, targets[i]!, symbol)
      const [alone] = await codec.recoverySymbols({ metadata, source, bytes, targets: [targets[i]!] })
      assert.deepEqual(alone, plain[i])
    }
  })

  it('are not those of slivers that do not cross', async () => {
    const source = ref(1, 'primary')
    await assert.rejects(
      codec.recoverySymbols({ metadata, source, bytes: blob.sliver(source), targets: [ref(2, 'primary')] }),
      { code: 'INVALID_ARGUMENT' },
    )
  })

  const changes: Record<string, (symbol: ProvenSymbol) => ProvenSymbol> = {
    'other data': symbol => ({ ...symbol, data: symbol.data.with(0, symbol.data[0]! ^ 1) }),
    'short data': symbol => ({ ...symbol, data: symbol.data.subarray(2) }),
    'another source': symbol => ({ ...symbol, index: (symbol.index + 1) % n }),
    'a short path': symbol => ({ ...symbol, path: symbol.path.slice(1) }),
    'a long path': symbol => ({ ...symbol, path: [...symbol.path, new Uint8Array(32)] }),
    'another path': symbol => ({ ...symbol, path: symbol.path.toReversed() }),
    'short nodes': symbol => ({ ...symbol, path: symbol.path.map(node => node.subarray(1)) }),
  }
  for (const [what, change] of Object.entries(changes)) {
    it(`do not verify with ${what}`, () => {
      assert.throws(() => verifySymbol(metadata, target, change(symbols[0]!)), { code: 'SYMBOL_MISMATCH' })
    })
  }

  it('do not verify for another target or an impossible source', () => {
    assert.throws(() => verifySymbol(metadata, ref(3, 'secondary'), symbols[0]!), { code: 'SYMBOL_MISMATCH' })
    assert.throws(() => verifySymbol(metadata, target, { ...symbols[0]!, index: n }), {
      code: 'INVALID_ARGUMENT',
    })
  })

  it('must be enough, distinct and of the right size', async () => {
    const few = [symbols[0]!, symbols[1]!, symbols[2]!, symbols[0]!]
    await assert.rejects(codec.recoverSliver({ metadata, target, symbols: few }), {
      code: 'TOO_FEW_SYMBOLS',
      details: { needed: 4, got: 3 },
    })
    const short = [...few, { index: 0, data: new Uint8Array(2) }]
    await assert.rejects(codec.recoverSliver({ metadata, target, symbols: short }), {
      code: 'SYMBOL_MISMATCH',
    })
    const nowhere = [...few, { ...symbols[3]!, index: n }]
    await assert.rejects(codec.recoverSliver({ metadata, target, symbols: nowhere }), {
      code: 'INVALID_ARGUMENT',
    })
  })

  it('give no sliver when one of them lies', async () => {
    const lie = changes['other data']!(symbols[0]!)
    // of two with one index the first counts
    await codec.recoverSliver({ metadata, target, symbols: [...symbols, lie] })
    await assert.rejects(codec.recoverSliver({ metadata, target, symbols: [lie, ...symbols] }), {
      code: 'SLIVER_MISMATCH',
    })
    const lying = symbols.map(changes['other data']!)
    await assert.rejects(codec.recoverSliver({ metadata, target, symbols: lying }), {
      code: 'SLIVER_MISMATCH',
    })
  })

  it('have one encoding, which is the BCS of Walrus', () => {
    const bytes = encodeRecoverySymbol(symbols[0]!)
    assert.deepEqual(decodeRecoverySymbol(bytes), symbols[0])
    assert.deepEqual(bytes, symbolBcs.serialize(toBcs(symbols[0]!)).toBytes())
    const proof = encodeInconsistencyProof({ target, symbols }, n)
    const expected = proofBcs.serialize({ target: n - 1 - target.pair, symbols: symbols.map(toBcs) })
    assert.deepEqual(proof, expected.toBytes())
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeRecoverySymbol(bytes.subarray(0, length)), { code: 'MALFORMED' })
    }
    // an index, a length in two bytes, the data, the nodes; the first is neither empty nor a digest
    const firstNode = 2 + 2 + symbols[0]!.data.length + 1
    assert.throws(() => decodeRecoverySymbol(bytes.with(firstNode, 2)), { code: 'MALFORMED' })
    assert.throws(() => decodeRecoverySymbol(Uint8Array.from([...bytes, 0])), { code: 'MALFORMED' })
    assert.throws(() => decodeRecoverySymbol(bytes.subarray(0, -1)), { code: 'MALFORMED' })
    // the tree over 10 leaves has empty siblings on the right; written as digests of zeros they are refused
    const zero = { ...symbols[0]!, path: [new Uint8Array(32)] }
    const empty = encodeRecoverySymbol(zero)
    assert.deepEqual(decodeRecoverySymbol(empty), zero)
    const digest = Uint8Array.from([...empty.subarray(0, -1), 1, ...new Uint8Array(32)])
    assert.throws(() => decodeRecoverySymbol(digest), { code: 'MALFORMED' })
  })
})

describe('a blob whose encoder cheated', () => {
  const n = 10
  const engine = new Engine({ threads: 0 })
  const codec = codecOn(engine)
  let blob: EncodedBlob

  before(async () => {
    blob = await codec.encode(xorshiftBytes(2, 3000), n)
  })
  after(() => codec.close())

  for (const axis of ['primary', 'secondary'] as const) {
    it(`is found by the reader, and by the node that lacks its ${axis} sliver`, async () => {
      const target = ref(4, axis)
      const metadata = await cheatingMetadata(engine, blob.metadata, target)

      const slivers = sliversOf(blob, 'primary', [0, 1, 2, 3])
      await assert.rejects(codec.decode({ metadata, slivers }), { code: 'BLOB_ID_MISMATCH' })

      const symbols = await symbolsFrom(codec, blob, target, [0, 1, 2, 3, 5, 6, 7], true, metadata)
      await assert.rejects(codec.recoverSliver({ metadata, target, symbols }), { code: 'SLIVER_MISMATCH' })
      const proof = await codec.proveInconsistency({ metadata, target, symbols })
      await codec.verifyInconsistencyProof({ metadata, proof })

      const bytes = encodeInconsistencyProof(proof, n)
      assert.deepEqual(decodeInconsistencyProof(bytes, axis, n), proof)
      for (const malformed of [Uint8Array.from([...bytes, 0]), bytes.with(0, n)]) {
        assert.throws(() => decodeInconsistencyProof(malformed, axis, n), { code: 'MALFORMED' })
      }
      const longer = proof.symbols.with(0, {
        ...proof.symbols[0]!,
        path: Array.from({ length: 5 }, () => new Uint8Array(32)),
      })
      for (const symbols of [longer, Array.from({ length: n + 1 }, () => proof.symbols[0]!)]) {
        const bytes = encodeInconsistencyProof({ target, symbols }, n)
        assert.throws(() => decodeInconsistencyProof(bytes, axis, n), { code: 'MALFORMED' })
      }
      // more symbols than are needed prove it too, and repeated ones do no harm
      const more = [...symbols, ...symbols]
      await codec.verifyInconsistencyProof({ metadata, proof: { target, symbols } })
      assert.deepEqual(await codec.proveInconsistency({ metadata, target, symbols: more }), proof)

      const invalid = { code: 'PROOF_INVALID' }
      const altered = proof.symbols.map((symbol, i) =>
        i === 1 ? { ...symbol, data: symbol.data.toReversed() } : symbol,
      )
      for (const wrong of [
        altered,
        proof.symbols.slice(1),
        [proof.symbols[0]!, ...proof.symbols.slice(0, -1)],
        [...proof.symbols, { ...proof.symbols[0]!, index: n }],
        Array.from({ length: n + 1 }, () => proof.symbols).flat(),
        [],
      ]) {
        await assert.rejects(
          codec.verifyInconsistencyProof({ metadata, proof: { target, symbols: wrong } }),
          invalid,
        )
      }
    })
  }

  it('is proven by the symbols that gave a wrong sliver, although others give the right one', async () => {
    const { nShards, unencodedLength } = blob.metadata
    // the encoder commits to another column than that of pair 9, column 0: only recoveries with it go wrong
    const column = ref(9, 'secondary')
    const metadata = await cheatingMetadata(engine, blob.metadata, column)
    const size = symbolSize(nShards, unencodedLength)
    const body = new Uint8Array(enough(n, 'primary') * size).fill(7)
    const wrong = sliverFromBody(nShards, column, size, body)
    await codec.verifySliver(metadata, column, wrong)

    const target = ref(1, 'primary')
    const honest = await symbolsFrom(codec, blob, target, [0, 1, 2, 3, 4, 5, 6], true, metadata)
    await codec.recoverSliver({ metadata, target, symbols: honest })
    const [lie] = await codec.recoverySymbols({
      metadata,
      source: column,
      bytes: wrong,
      targets: [target],
      proofs: true,
    })
    const symbols = [...honest, lie!]
    await assert.rejects(codec.recoverSliver({ metadata, target, symbols }), { code: 'SLIVER_MISMATCH' })
    const proof = await codec.proveInconsistency({ metadata, target, symbols })
    await codec.verifyInconsistencyProof({ metadata, proof })
  })

  it('is proven in turns, however large the symbols are', async () => {
    const large = await codec.encode(xorshiftBytes(5, 14_000_000), 31)
    const target = ref(3, 'primary')
    const pairs = Array.from({ length: 21 }, (_, i) => i)
    const symbols = await symbolsFrom(codec, large, target, pairs, true)
    const { metadata } = large
    large.release()
    // fails at the last symbol, before any work of the kernel takes turns of its own
    const proof = { target, symbols: symbols.with(-1, { ...symbols.at(-1)!, data: new Uint8Array(2) }) }
    const turns = await turnsDuring(() =>
      assert.rejects(codec.verifyInconsistencyProof({ metadata, proof }), { code: 'PROOF_INVALID' }),
    )
    // 20 symbols of 60 KB: some 40 ms
    assert.ok(turns >= 2, `${turns} turns`)
    const controller = new AbortController()
    const { signal } = controller
    setImmediate(() => controller.abort(new Error('enough')))
    await assert.rejects(codec.verifyInconsistencyProof({ metadata, proof, signal }), /enough/)
  })

  it('is not every blob: an honest one has no proof', async () => {
    const target = ref(4, 'secondary')
    const { metadata } = blob
    const symbols = await symbolsFrom(codec, blob, target, [0, 1, 2, 3], true)
    const invalid = { code: 'PROOF_INVALID' }
    await assert.rejects(codec.proveInconsistency({ metadata, target, symbols }), invalid)
    await assert.rejects(codec.verifyInconsistencyProof({ metadata, proof: { target, symbols } }), invalid)
    const cheated = await cheatingMetadata(engine, metadata, ref(5, 'secondary'))
    await assert.rejects(
      codec.verifyInconsistencyProof({ metadata: cheated, proof: { target, symbols } }),
      invalid,
    )
  })
})
