import assert from 'node:assert/strict'
import { codecOn } from '../../codec/codec.ts'
import type { Arena } from '../../codec/host/arena.ts'
import { Engine } from '../../codec/host/engine.ts'
import type { EncodedBlob, ProvenSymbol } from '../../codec/index.ts'
import { enough, ref, sliversOf, xorshiftBytes } from './support/data.ts'
import { MemoryBlob, MemorySlivers } from './support/memory-files.ts'

/** An engine that counts the memory in use, and fails a phase of one's choice. */
class FaultyEngine extends Engine {
  readonly inUse = new Set<Arena>()
  phases = 0
  failAt = Number.POSITIVE_INFINITY

  constructor() {
    super({ threads: 0 })
    const { arenas } = this
    const acquire = arenas.acquire.bind(arenas)
    const release = arenas.release.bind(arenas)
    arenas.acquire = bytes => {
      const arena = acquire(bytes)
      assert.equal(this.inUse.has(arena), false, 'memory given to two calls')
      this.inUse.add(arena)
      return arena
    }
    arenas.release = arena => {
      assert.equal(this.inUse.delete(arena), true, 'memory given back twice')
      release(arena)
    }
  }

  override async run(...args: Parameters<Engine['run']>): Promise<void> {
    if (++this.phases === this.failAt) throw new Error('fault')
    await super.run(...args)
  }
}

describe('whatever fails in a call', () => {
  const n = 10
  const data = xorshiftBytes(1, 1_500_000)
  const engine = new FaultyEngine()
  const codec = codecOn(engine)
  const kept = codecOn(new Engine({ threads: 0 }))
  let blob: EncodedBlob
  let calls: Record<string, () => Promise<unknown>>

  before(async () => {
    blob = await kept.encode(data, n)
    const { metadata } = blob
    const last = (axis: 'primary' | 'secondary') =>
      sliversOf(
        blob,
        axis,
        Array.from({ length: enough(n, axis) }, (_, i) => n - 1 - i),
      )
    // a repair column: its symbols take work
    const target = ref(2, 'secondary')
    const symbols: ProvenSymbol[] = []
    for (const { ref: source, bytes } of last('primary')) {
      symbols.push(...(await kept.recoverySymbols({ metadata, source, bytes, targets: [target] })))
    }
    const files = new MemorySlivers()
    await kept.encodeStream({ source: new MemoryBlob(data), nShards: n, slivers: files })
    const available = last('secondary').map(sliver => sliver.ref)
    const source = ref(1, 'primary')
    const bytes = blob.sliver(source)
    calls = {
      encode: async () => (await codec.encode(data, n)).release(),
      metadata: () => codec.metadata(data, n),
      'decode from rows': () => codec.decode({ metadata, slivers: last('primary') }),
      'decode from columns': () => codec.decode({ metadata, slivers: last('secondary') }),
      'decode a range': () =>
        codec.decodeRange({ metadata, slivers: [{ ref: source, bytes }], start: 400_000, end: 400_001 }),
      'verify a sliver': () => codec.verifySliver(metadata, source, bytes),
      'verify slivers': () =>
        codec.verifySlivers([...last('primary'), ...last('secondary')].map(each => ({ metadata, ...each }))),
      'take symbols': () => codec.symbolsFor([{ metadata, source, bytes, targets: [target] }]),
      'recover slivers': () => codec.recoverSlivers({ metadata, targets: [target], received: symbols }),
      'prove symbols': () =>
        codec.recoverySymbols({ metadata, source, bytes, targets: [target], proofs: true }),
      'recover a sliver': () => codec.recoverSliver({ metadata, target, symbols }),
      'encode a stream': () =>
        codec.encodeStream({
          source: new MemoryBlob(data),
          nShards: n,
          slivers: new MemorySlivers(),
          windowBytes: 600_000,
        }),
      'decode a stream': () =>
        codec.decodeStream({
          metadata,
          available,
          slivers: files,
          output: new MemoryBlob(new Uint8Array(data.length)),
          verifyWith: new MemorySlivers(),
          windowBytes: 600_000,
        }),
    }
  })
  after(() => Promise.all([codec.close(), kept.close()]))

  it('the call gives its memory back, once', async () => {
    for (const [name, call] of Object.entries(calls)) {
      let failAt = 1
      for (; ; failAt++) {
        Object.assign(engine, { phases: 0, failAt })
        const outcome = await call().then(
          () => 'done',
          error => error.message,
        )
        assert.equal(engine.inUse.size, 0, `${name}: fault in phase ${failAt}`)
        if (outcome === 'done') break
        assert.equal(outcome, 'fault')
      }
      assert.ok(failAt > 1, `${name}: no phase has failed`)
      engine.failAt = Number.POSITIVE_INFINITY
      // more calls than there are places: none of these was lost
      await Promise.all(Array.from({ length: 5 }, call))
      assert.equal(engine.inUse.size, 0)
    }
  })
})
