import assert from 'node:assert/strict'
import type { BlobId } from '../../../codec/types.ts'
import { createSharedReads } from '../../../node/gateway/content/shared-reads.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { ask, gatewayFactory, put } from './support.ts'

describe('gateway: blobs that many read at a time', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  /** What is asked of the network, answered when told to. */
  function fixture() {
    const clock = new VirtualClock()
    const asked: {
      blobId: BlobId
      signal: AbortSignal
      answer: ReturnType<typeof Promise.withResolvers<Uint8Array>>
    }[] = []
    const client = {
      async read(blobId: BlobId, { signal }: { signal?: AbortSignal } = {}) {
        const answer = Promise.withResolvers<Uint8Array>()
        asked.push({ blobId, signal: signal!, answer })
        signal!.addEventListener('abort', () => answer.reject(signal!.reason))
        const data = await answer.promise
        return { blobId, size: data.length, data }
      },
    }
    return { clock, asked, shared: createSharedReads({ client, clock }) }
  }
  const blob = (name: string, size = 3) => ({ blobId: name as BlobId, size })
  const never = new AbortController().signal
  const BYTES = Uint8Array.of(1, 2, 3)

  it('are read once, and again when nobody wanted them for a while', async () => {
    const { clock, asked, shared } = fixture()
    const all = [1, 2, 3].map(() => shared.read(blob('a'), never))
    asked[0]!.answer.resolve(BYTES)
    assert.deepEqual(await Promise.all(all), [BYTES, BYTES, BYTES])
    await clock.advance(4_000)
    assert.equal(await shared.read(blob('a'), never), BYTES)
    await clock.advance(4_000)
    assert.equal(await shared.read(blob('a'), never), BYTES)
    assert.equal(asked.length, 1)
    await clock.advance(5_001)
    const again = shared.read(blob('a'), never)
    assert.equal(asked.length, 2)
    asked[1]!.answer.resolve(BYTES)
    await again
  })

  it('are waited for by each with a signal of its own, and given up with the last', async () => {
    const { asked, shared } = fixture()
    const [one, other] = [new AbortController(), new AbortController()]
    const first = shared.read(blob('a'), one.signal)
    const second = shared.read(blob('a'), other.signal)
    one.abort(new Error('hung up'))
    await assert.rejects(first!, /hung up/)
    assert.equal(asked[0]!.signal.aborted, false)
    other.abort(new Error('hung up, too'))
    await assert.rejects(second!, /too/)
    assert.equal(asked[0]!.signal.aborted, true)
  })

  it('are asked for again after a failure, which all who waited hear of', async () => {
    const { asked, shared } = fixture()
    const both = [1, 2].map(() => shared.read(blob('a'), never)!)
    asked[0]!.answer.reject(new Error('no'))
    for (const read of both) await assert.rejects(read, /no/)
    const again = shared.read(blob('a'), never)
    asked[1]!.answer.resolve(BYTES)
    assert.equal(await again, BYTES)
  })

  it('take 64 MiB at most, and large ones are not among them', async () => {
    const { asked, shared } = fixture()
    const MIB = 2 ** 20
    assert.equal(shared.read(blob('large', 4 * MIB + 1), never), undefined)
    for (let i = 0; i < 20; i++) {
      const read = shared.read(blob(`${i}`, 4 * MIB), never)
      asked.at(-1)!.answer.resolve(BYTES)
      await read
    }
    // the first had to go, the last is there
    await shared.read(blob('19', 4 * MIB), never)
    assert.equal(asked.length, 20)
    void shared.read(blob('0', 4 * MIB), never)
    assert.equal(asked.length, 21)
  })

  it('are read from the nodes once for many requests, and asked for by each', async () => {
    const { url, client } = await start()
    const blobId = await put(url, 'x'.repeat(100_000))
    const release = client.hold('read')
    const all = Array.from({ length: 20 }, () => ask(`${url}/v1/blobs/${blobId}`))
    await client.begun('open', 20)
    release()
    for (const { status, body } of await Promise.all(all))
      assert.deepEqual([status, body.length], [200, 100_000])
    assert.equal(client.calls.filter(({ operation }) => operation === 'read').length, 1)
    assert.equal(client.calls.filter(({ operation }) => operation === 'open').length, 20)
  })
})
