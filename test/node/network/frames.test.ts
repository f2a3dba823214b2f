import assert from 'node:assert/strict'
import type { MessageStream } from '@libp2p/interface'
import fc from 'fast-check'
import { createFrameJudge } from '../../../node/network/bounded-yamux.ts'
import { watchFrames } from '../../../node/network/frames.ts'
import { MUXER_FRAMES } from '../../../node/network/limits.ts'
import { dhtRequestProblem } from '../../../node/network/member-dht.ts'

describe('messages that follow their length', () => {
  const frame = (body: Uint8Array): Uint8Array => {
    const prefix: number[] = []
    let length = body.length
    for (; length >= 0x80; length = Math.floor(length / 128)) prefix.push((length & 0x7f) | 0x80)
    return Uint8Array.from([...prefix, length, ...body])
  }
  const concat = (parts: Uint8Array[]) => Uint8Array.from(parts.flatMap(part => [...part]))

  /** Hands chunks to a watched stream; what passes is what a library's reader sees. */
  function watched(maxBytes: number, refuseAt = Number.POSITIVE_INFINITY) {
    const seen: Uint8Array[] = []
    const passed: Uint8Array[] = []
    const refused: string[] = []
    const stream = new EventTarget() as unknown as MessageStream
    watchFrames(stream, {
      maxBytes,
      tooLong: 'size',
      malformed: 'malformed',
      complete: message => (seen.push(message) > refuseAt ? 'count' : undefined),
      refused: reason => void refused.push(reason),
    })
    stream.addEventListener('message', ({ data }) => void passed.push(data.subarray()))
    const send = (data: Uint8Array) =>
      void stream.dispatchEvent(Object.assign(new Event('message'), { data }) as never)
    return { seen, passed, refused, send }
  }

  it('are found however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }),
        fc.array(fc.nat(400), { maxLength: 12 }),
        (bodies, cuts) => {
          const { seen, passed, refused, send } = watched(300)
          const all = concat(bodies.map(frame))
          const at = [...new Set([0, ...cuts.map(cut => Math.min(cut, all.length)), all.length])].sort(
            (a, b) => a - b,
          )
          for (let i = 1; i < at.length; i++) send(all.subarray(at[i - 1], at[i]))
          assert.deepEqual(seen, bodies)
          assert.deepEqual(concat(passed), all)
          assert.deepEqual(refused, [])
        },
      ),
    )
  })

  it('are refused by their length alone, and nothing passes after it', () => {
    const { seen, passed, refused, send } = watched(100)
    const good = frame(new Uint8Array(100))
    send(good)
    send(Uint8Array.of(101))
    send(good)
    assert.equal(seen.length, 1)
    assert.deepEqual(passed, [good])
    assert.deepEqual(refused, ['size'])
  })

  it('are refused when the length never ends', () => {
    const { refused, send } = watched(100)
    send(Uint8Array.of(0xff, 0xff, 0xff, 0xff))
    assert.deepEqual(refused, ['malformed'])
  })

  it('are kept from the library before it has their last byte', () => {
    const { passed, refused, send } = watched(100, 1)
    send(concat([frame(Uint8Array.of(1)), Uint8Array.of(2, 1)]))
    send(Uint8Array.of(2))
    assert.deepEqual(passed, [Uint8Array.of(1, 1, 2, 1)])
    assert.deepEqual(refused, ['count'])
  })
})

describe('requests to the DHT', () => {
  const key = Uint8Array.from([0x12, 38, ...new Uint8Array(38)])

  it('for peers and pings are answered', () => {
    assert.equal(dhtRequestProblem(Uint8Array.from([0x08, 4, ...key])), undefined)
    assert.equal(dhtRequestProblem(Uint8Array.from([0x08, 4, ...key, 0x50, 1])), undefined)
    assert.equal(dhtRequestProblem(Uint8Array.of(0x08, 5)), undefined)
  })

  it('for values and providers are not, nor what carries records', () => {
    for (const type of [0, 1, 2, 3, 6]) {
      assert.equal(dhtRequestProblem(Uint8Array.from([0x08, type, ...key])), 'kind', `type ${type}`)
    }
    for (const field of [0x1a, 0x42, 0x4a]) {
      assert.equal(dhtRequestProblem(Uint8Array.from([0x08, 4, ...key, field, 0])), 'kind')
    }
    assert.equal(dhtRequestProblem(new Uint8Array()), 'kind')
  })

  it('cannot hide their kind behind another', () => {
    assert.equal(dhtRequestProblem(Uint8Array.from([0x08, 4, ...key, 0x08, 2])), 'malformed')
    assert.equal(dhtRequestProblem(Uint8Array.from([0x08, 0x84, 0x00, ...key])), 'malformed')
    assert.equal(dhtRequestProblem(Uint8Array.of(0x08, 4, 0x12, 64, 0)), 'malformed')
    assert.equal(dhtRequestProblem(Uint8Array.of(0x08, 4, 0x12, 65)), 'malformed')
    assert.equal(dhtRequestProblem(Uint8Array.of(0x08)), 'malformed')
  })

  it('of any bytes are judged without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), bytes => {
        dhtRequestProblem(bytes)
      }),
    )
  })
})

describe("the multiplexer's frames", () => {
  const SYN = 1
  const header = (type: number, flags: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(12)
    bytes[1] = type
    bytes[3] = flags
    new DataView(bytes.buffer).setUint32(8, length)
    return bytes
  }

  it('may fill a window, and say no more than that', () => {
    const judge = createFrameJudge({ monotonic: () => 0 }).look
    const { maxDataBytes } = MUXER_FRAMES
    assert.equal(judge({ data: header(0, 0, maxDataBytes) }), undefined)
    assert.equal(judge({ data: new Uint8Array(maxDataBytes).fill(255) }), undefined)
    assert.equal(judge({ data: header(0, 0, maxDataBytes + 1) }), 'size')
  })

  it('may open streams and ping, at a rate', () => {
    for (const [type, burst] of [
      [1, MUXER_FRAMES.openBurst],
      [0, MUXER_FRAMES.openBurst],
      [2, MUXER_FRAMES.pingBurst],
    ]) {
      let time = 0
      const judge = createFrameJudge({ monotonic: () => time }).look
      for (let i = 0; i < burst!; i++) assert.equal(judge({ data: header(type!, SYN, 0) }), undefined)
      // window updates, ends of streams and answers to pings open nothing
      assert.equal(judge({ data: header(type!, 2, 0) }), undefined)
      assert.equal(judge({ data: header(type!, SYN, 0) }), 'rate')
      time += 1_000
      assert.equal(judge({ data: header(type!, SYN, 0) }), undefined)
    }
  })

  it('are read however they are cut', () => {
    const judge = createFrameJudge({ monotonic: () => 0 }).look
    const bytes = Uint8Array.from([
      ...header(0, SYN, 3),
      9,
      9,
      9,
      ...header(0, 0, MUXER_FRAMES.maxDataBytes + 1),
    ])
    const reasons = [...bytes].map(byte => judge({ data: Uint8Array.of(byte) }))
    assert.deepEqual(reasons.indexOf('size'), bytes.length - 1)
  })
})
