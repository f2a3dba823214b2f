import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { codecOn } from '../../codec/codec.ts'
import { Engine } from '../../codec/host/engine.ts'
import { PhaseBuilder } from '../../codec/host/phase.ts'
import { createCodec } from '../../codec/index.ts'
import { ref, sliversOf, xorshiftBytes } from './support/data.ts'
import { turnsDuring } from './support/turns.ts'

const MIB = 2 ** 20

/** An engine whose threads the test can get at. */
function engineWithWorkers(threads: number): { engine: Engine; workers: Worker[] } {
  const workers: Worker[] = []
  const engine = new Engine({ threads }, async module => {
    const worker = new Worker(new URL('../../codec/host/worker.ts', import.meta.url), { workerData: module })
    workers.push(worker)
    return worker
  })
  return { engine, workers }
}

/** Ends a thread right after it was given its next piece of work. */
function endAtNextTurn(worker: Worker): void {
  const post = worker.postMessage.bind(worker)
  worker.postMessage = message => {
    post(message)
    worker.terminate()
  }
}

describe('the pool', () => {
  const data = xorshiftBytes(1, 2 * MIB)

  for (const threads of [0, 1, 2]) {
    it(`runs calls that overlap, with ${threads} threads`, async () => {
      const codec = createCodec({ threads })
      const sizes = [1, 70_000, 2 * MIB, 3, 500_000, 0, 1000]
      const ids = await Promise.all(sizes.map(size => codec.metadata(data.subarray(0, size), 100)))
      for (const [i, size] of sizes.entries()) {
        assert.deepEqual(await codec.metadata(data.subarray(0, size), 100), ids[i])
      }
      await codec.close()
    })
  }

  it('starts threads when there is work, and no more than it may', async () => {
    const { engine, workers } = engineWithWorkers(2)
    const codec = codecOn(engine)
    assert.equal(workers.length, 0)
    const blob = await codec.encode(data, 100)
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        codec.verifySliver(blob.metadata, ref(i, 'primary'), blob.sliver(ref(i, 'primary'))),
      ),
    )
    assert.equal(workers.length, 2)
    await codec.close()
  })

  it('is asked once per thread for a batch of slivers', async () => {
    const { engine, workers } = engineWithWorkers(1)
    const codec = codecOn(engine)
    const blob = await codec.encode(data, 100)
    const { metadata } = blob
    const slivers = Array.from({ length: 100 }, (_, i) => {
      const sliver = ref(i, 'primary')
      return { metadata, ref: sliver, bytes: blob.sliver(sliver) }
    })
    const messages: unknown[] = []
    const post = workers[0]!.postMessage.bind(workers[0])
    workers[0]!.postMessage = message => {
      messages.push(message.kind)
      post(message)
    }
    assert.deepEqual(
      (await codec.verifySlivers(slivers)).filter(error => error !== undefined),
      [],
    )
    assert.deepEqual(messages, ['run'])
    await codec.close()
  })

  it('starts its threads ahead when asked to, once', async () => {
    const { engine, workers } = engineWithWorkers(2)
    const codec = codecOn(engine)
    codec.warm()
    codec.warm()
    // an encode of one unit alone would start one thread
    await codec.metadata(data.subarray(0, 10), 10)
    codec.warm()
    await codec.metadata(data, 100)
    assert.equal(workers.length, 2)
    await codec.close()
    codec.warm()
    assert.equal(workers.length, 2)
  })

  it('gives a small call its turn beside a large one', async () => {
    const codec = createCodec({ threads: 1 })
    await codec.metadata(data.subarray(0, 10), 10)
    let largeIsDone = false
    const large = codec.metadata(xorshiftBytes(2, 16 * MIB), 1000).then(() => {
      largeIsDone = true
    })
    await codec.metadata(data.subarray(0, 10), 10)
    assert.equal(largeIsDone, false)
    await large
    await codec.close()
  })

  it('survives a thread that ends: the call rejects, the next one works', async () => {
    const { engine, workers } = engineWithWorkers(2)
    const codec = codecOn(engine)
    const small = await codec.metadata(data.subarray(0, 1000), 10)
    // before there is work: while this thread is kept from the processor, the other might do all of it
    endAtNextTurn(workers[0]!)
    await assert.rejects(codec.encode(xorshiftBytes(3, 16 * MIB), 1000), { code: 'WORKER_CRASHED' })
    assert.deepEqual(await codec.metadata(data.subarray(0, 1000), 10), small)
    const blob = await codec.encode(data, 100)
    const slivers = sliversOf(
      blob,
      'secondary',
      Array.from({ length: 67 }, (_, i) => i + 33),
    )
    assert.deepEqual(await codec.decode({ metadata: blob.metadata, slivers }), data)
    await codec.close()
  })

  it('survives a kernel that could not be loaded', async () => {
    const codec = createCodec({ threads: 1 })
    const { validate } = WebAssembly
    WebAssembly.validate = () => false
    try {
      await assert.rejects(codec.metadata(data.subarray(0, 10), 10), { code: 'KERNEL_MISSING' })
    } finally {
      WebAssembly.validate = validate
    }
    await codec.metadata(data.subarray(0, 10), 10)
    await codec.close()
  })

  it('survives a kernel that traps', async () => {
    const engine = new Engine({ threads: 1 })
    const arena = engine.arenas.acquire(65_536 * 4)
    // writes behind the end of memory
    const phase = new PhaseBuilder().unit().call('fillZeroHashes', -64, 0, 2).build()
    await assert.rejects(engine.run(arena, phase, { job: 70_000, scratch: [70_100] }), {
      code: 'WORKER_CRASHED',
    })
    engine.arenas.release(arena)
    const codec = codecOn(engine)
    assert.equal(
      (await codec.metadata(new Uint8Array(), 4)).blobId,
      'CmzciFdWJP1IIM-rD3cqXlVBXYM0fpAfHahZBvkaZUI',
    )
    await codec.close()
  })

  for (const threads of [0, 2]) {
    it(`stops when the signal says so, with ${threads} threads`, async () => {
      const codec = createCodec({ threads })
      const reason = new Error('enough')
      await assert.rejects(codec.encode(data, 100, { signal: AbortSignal.abort(reason) }), reason)
      const controller = new AbortController()
      const large = codec.encode(xorshiftBytes(4, 8 * MIB), 1000, { signal: controller.signal })
      setTimeout(() => controller.abort(reason), 30)
      await assert.rejects(large, reason)
      // the memory of the one that was stopped is used again, and is whole
      const blob = await codec.encode(data, 100)
      const slivers = sliversOf(
        blob,
        'primary',
        Array.from({ length: 34 }, (_, i) => i + 66),
      )
      assert.deepEqual(await codec.decode({ metadata: blob.metadata, slivers }), data)
      await codec.close()
    })
  }

  it('rejects calls in flight when it is closed, and later ones', async () => {
    const codec = createCodec({ threads: 2 })
    const large = codec.encode(xorshiftBytes(5, 8 * MIB), 1000)
    const rejected = assert.rejects(large, { code: 'CLOSED' })
    await codec.metadata(Uint8Array.of(1), 4)
    await codec.close()
    await rejected
    await assert.rejects(codec.metadata(data, 100), { code: 'CLOSED' })
    await codec.close()
  })

  it('does not hand out slivers of a blob that was released', async () => {
    const codec = createCodec({ threads: 0 })
    const blob = await codec.encode(data.subarray(0, 1000), 10)
    const kept = blob.sliver(ref(0, 'primary'))
    const expected = kept.slice()
    blob.release()
    blob.release()
    assert.throws(() => blob.sliver(ref(0, 'primary')), { code: 'CLOSED' })
    assert.throws(() => blob.view(ref(0, 'primary')), { code: 'CLOSED' })
    const held = await codec.encode(data.subarray(0, 1000), 10)
    {
      using inUse = held
      assert.deepEqual(inUse.view(ref(0, 'primary')), kept)
    }
    assert.throws(() => held.view(ref(0, 'primary')), { code: 'CLOSED' })
    // released twice, but in use only once: two blobs do not share memory
    const [a, b] = await Promise.all([codec.encode(data, 100), codec.encode(data.subarray(5), 100)])
    assert.notDeepEqual(a.view(ref(0, 'primary')), b.view(ref(0, 'primary')))
    assert.deepEqual(kept, expected)
    await codec.close()
  })

  it('lets the event loop turn while 64 MiB are encoded', async () => {
    const codec = createCodec({ threads: 1 })
    const large = xorshiftBytes(6, 64 * MIB)
    const turns = await turnsDuring(async () => (await codec.encode(large, 1000)).release())
    await codec.close()
    // one for every 4 MiB that are copied: 1 to 2 ms each
    assert.ok(turns >= 16, `${turns} turns`)
  }).timeout(90_000)

  it('lets it turn without threads too', async () => {
    const codec = createCodec({ threads: 0 })
    const large = xorshiftBytes(6, 4 * MIB)
    const turns = await turnsDuring(() => codec.metadata(large, 1000))
    await codec.close()
    // 270 ms of work in turns of 8 ms, or a few more of them on a slow machine, fewer on a fast one
    assert.ok(turns >= 8, `${turns} turns`)
  })

  it('has a thread for each core where there is no navigator, as in Node 20', () => {
    const own = Object.getOwnPropertyDescriptor(globalThis, 'navigator')!
    Object.defineProperty(globalThis, 'navigator', { value: undefined, configurable: true })
    try {
      assert.equal(new Engine().pool.threads, availableParallelism())
    } finally {
      Object.defineProperty(globalThis, 'navigator', own)
    }
  })
})
