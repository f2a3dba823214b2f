import assert from 'node:assert/strict'
import type { Stream } from '@libp2p/interface'
import fc from 'fast-check'
import { systemClock } from '../../../base/clock.ts'
import { pump } from '../../../node/relay/pump.ts'
import { createStreamReader, type StreamReader } from '../../../protocols/stream/reader.ts'
import { createStreamWriter } from '../../../protocols/stream/writer.ts'
import { type StreamPairs, streamPairs } from '../../protocols/support/stream-pair.ts'

const LIMIT = { timeoutMs: 10_000 }

interface End {
  stream: Stream
  reader: StreamReader
}

describe('relay pump', () => {
  let pairs: StreamPairs
  before(async () => {
    pairs = await streamPairs()
  })
  after(() => pairs.stop())

  /** Two ends, and in between the two streams that are pumped into each other. */
  const circuit = async (moved: (bytes: number) => number = () => 0): Promise<[End, End]> => {
    const [a, b] = [await pairs.open(() => undefined), await pairs.open(() => undefined)]
    const ends = [a, b].map(({ outbound }) => ({
      stream: outbound,
      reader: createStreamReader(outbound, systemClock),
    })) as [End, End]
    pump({ source: a.inbound, target: b.inbound, moved, clock: systemClock })
    pump({ source: b.inbound, target: a.inbound, moved, clock: systemClock })
    return ends
  }
  const pattern = (length: number, seed: number) =>
    Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff)

  const send = async ({ stream }: End, data: Uint8Array, sizes: number[]) => {
    const writer = createStreamWriter(stream, systemClock)
    for (let at = 0, i = 0; at < data.length; i++) {
      const size = sizes[i % sizes.length]!
      await writer.write(data.subarray(at, at + size), LIMIT)
      at += size
    }
    await writer.close(LIMIT)
  }
  const receive = async ({ reader }: End, data: Uint8Array, sizes: number[]) => {
    for (let at = 0, i = 0; at < data.length; i++) {
      const size = Math.min(sizes[i % sizes.length]!, data.length - at)
      const part = await reader.exact(size, LIMIT)
      assert.ok(Buffer.from(part).equals(data.subarray(at, at + size)), `differs after byte ${at}`)
      at += size
      // lets what is paused fill up now and then
      if (i % 3 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    assert.equal(await reader.hasMore(LIMIT), false)
  }

  it('keeps bytes, order and both ends, whatever the sizes, rests and half-closes', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 700_000 }), { minLength: 1, maxLength: 5 })
    const length = fc.nat(1_200_000)
    await fc.assert(
      fc.asyncProperty(
        length,
        length,
        sizes,
        sizes,
        fc.nat(3),
        async (there, back, writes, reads, restMs) => {
          const [a, b] = await circuit(bytes => (bytes % 3 === 0 ? restMs : 0))
          const [question, answer] = [pattern(there, 1), pattern(back, 2)]
          // one end may have closed its own direction long before the other begins
          const later = restMs === 0 ? receive(b, question, reads) : Promise.resolve()
          await Promise.all([
            send(a, question, writes),
            restMs === 0 ? later : receive(b, question, reads),
            later.then(() => send(b, answer, reads)),
            receive(a, answer, writes),
          ])
        },
      ),
      { numRuns: 8 },
    )
  })

  it('passes a reset on as a reset, in either direction, and never as an end', async () => {
    for (const breaker of [0, 1] as const) {
      const ends = await circuit()
      const other = ends[1 - breaker]!
      ends[breaker].stream.send(pattern(100_000, 3))
      await other.reader.exact(100_000, LIMIT)
      ends[breaker].stream.abort(new Error('broken'))
      await assert.rejects(other.reader.hasMore(LIMIT), { code: 'CONNECTION_LOST' })
    }
  })

  it('resets who still sends when the other end is gone', async () => {
    const [a, b] = await circuit()
    // b has said all, and then goes while a is silent
    await b.stream.close()
    assert.equal(await a.reader.hasMore(LIMIT), false)
    const gone = new Promise(resolve => a.stream.addEventListener('close', resolve))
    b.stream.abort(new Error('broken'))
    await gone
    assert.equal(a.stream.status, 'reset')
  })
})
