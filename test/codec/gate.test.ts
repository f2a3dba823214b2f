import assert from 'node:assert/strict'
import { codecOn } from '../../codec/codec.ts'
import { Allotment } from '../../codec/host/arena.ts'
import { Engine } from '../../codec/host/engine.ts'
import type { ProvenSymbol } from '../../codec/index.ts'
import { ref, sliversOf, xorshiftBytes } from './support/data.ts'
import { MemoryBlob, MemorySlivers } from './support/memory-files.ts'

describe('the gate before jobs', () => {
  const reason = new Error('enough')

  it('does not hold calls up that were aborted', async () => {
    const engine = new Engine({ threads: 0 })
    const codec = codecOn(engine)
    const n = 10
    const data = xorshiftBytes(1, 50_000)
    const blob = await codec.encode(data, n)
    const { metadata } = blob
    const target = ref(0, 'secondary')
    const primaries = sliversOf(blob, 'primary', [6, 7, 8, 9])
    const [{ ref: source, bytes }] = primaries as [(typeof primaries)[0]]
    const symbols: ProvenSymbol[] = []
    for (const sliver of primaries) {
      const { ref: from, bytes: body } = sliver
      symbols.push(
        ...(await codec.recoverySymbols({ metadata, source: from, bytes: body, targets: [target] })),
      )
    }
    const files = new MemorySlivers()
    await codec.encodeStream({ source: new MemoryBlob(data), nShards: n, slivers: files })
    const available = primaries.map(sliver => sliver.ref)
    // as many jobs as there is room for, which do not end
    const rest = Promise.withResolvers<void>()
    const jobs = Array.from({ length: 3 }, () => engine.withArena(new Allotment(), () => rest.promise))
    const calls: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
      decode: signal => codec.decode({ metadata, slivers: primaries, signal }),
      verify: signal => codec.verifySliver(metadata, source, bytes, { signal }),
      recover: signal => codec.recoverSliver({ metadata, target, symbols, signal }),
      prove: signal =>
        codec.recoverySymbols({ metadata, source, bytes, targets: [target], proofs: true, signal }),
      'encode a stream': signal =>
        codec.encodeStream({
          source: new MemoryBlob(data),
          nShards: n,
          slivers: new MemorySlivers(),
          signal,
        }),
      'decode a stream': signal =>
        codec.decodeStream({
          metadata,
          available,
          slivers: files,
          output: new MemoryBlob(new Uint8Array(data.length)),
          signal,
        }),
    }
    for (const [name, call] of Object.entries(calls)) {
      const controller = new AbortController()
      const outcome = call(controller.signal)
      await new Promise(setImmediate)
      controller.abort(reason)
      await assert.rejects(outcome, reason, name)
    }
    rest.resolve()
    await Promise.all(jobs)
    // and all places are free again
    const free = Array.from({ length: 3 }, () => engine.withArena(new Allotment(), async () => {}))
    await Promise.all(free)
    assert.deepEqual(await codec.decode({ metadata, slivers: primaries }), data)
    blob.release()
    await codec.close()
  })
})
