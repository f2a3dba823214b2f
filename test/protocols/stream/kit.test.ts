import assert from 'node:assert/strict'
import { systemClock } from '../../../base/clock.ts'
import { readBody, writeBody } from '../../../protocols/stream/body.ts'
import { createChannel } from '../../../protocols/stream/channel.ts'
import { encodeFrame, MAX_FRAME_BYTES, readFrame } from '../../../protocols/stream/frame.ts'
import { pathEnds } from '../../../protocols/stream/path-ends.ts'
import { createStreamReader } from '../../../protocols/stream/reader.ts'
import { createStreamWriter } from '../../../protocols/stream/writer.ts'
import { eventually } from '../support/eventually.ts'
import { type StreamPairs, streamPairs } from '../support/stream-pair.ts'

const MIB = 1024 * 1024

describe('stream kit', () => {
  let pairs: StreamPairs
  before(async () => {
    pairs = await streamPairs()
  })
  after(() => pairs.stop())

  /** A writer on one end, a reader on the other. */
  const open = async () => {
    const { outbound, inbound, attached } = await pairs.open(inbound =>
      createStreamReader(inbound, systemClock),
    )
    return { outbound, inbound, writer: createStreamWriter(outbound, systemClock), reader: attached }
  }
  const pattern = (length: number): Uint8Array =>
    Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff)

  it('delivers every byte in order, whatever the sizes written and read', async () => {
    const { writer, reader } = await open()
    const data = pattern(3 * MIB + 17)
    const write = async () => {
      for (let at = 0, size = 1; at < data.length; at += size, size = (size * 7) % 400_009) {
        await writer.write(data.subarray(at, at + size))
      }
      await writer.close()
    }
    const read = async () => {
      for (let at = 0, size = 1; at < data.length; at += size, size = (size * 11) % 300_007) {
        const part = await reader.exact(Math.min(size, data.length - at))
        assert.ok(Buffer.from(part).equals(data.subarray(at, at + size)), `differs after byte ${at}`)
      }
      assert.equal(await reader.hasMore(), false)
    }
    await Promise.all([write(), read()])
  })

  it('sends small writes that follow each other together, in their order', async () => {
    const { outbound, writer, reader } = await open()
    const sizes: number[] = []
    const send = outbound.send.bind(outbound)
    outbound.send = bytes => {
      sizes.push(bytes.byteLength)
      return send(bytes)
    }
    const data = pattern(100 + 40_000 + 50)
    await writer.write(data.subarray(0, 40))
    await writer.write(data.subarray(40, 100))
    // a large one waits for nobody, and overtakes nobody
    await writer.write(data.subarray(100, 40_100))
    await writer.write(data.subarray(40_100))
    await writer.close()
    assert.deepEqual(sizes, [100, 40_000, 50])
    assert.ok(Buffer.from(await reader.exact(data.length)).equals(data))
  })

  it('holds back small writes for no longer than a turn, and never many', async () => {
    const { outbound, writer, reader } = await open()
    let sent = 0
    const send = outbound.send.bind(outbound)
    outbound.send = bytes => {
      sent += bytes.byteLength
      return send(bytes)
    }
    for (let written = 0; written < MIB; written += 1_000) {
      await writer.write(new Uint8Array(1_000))
      assert.ok(written - sent <= 64 * 1024)
      if (written % 200_000 === 0) void reader.exact(200_000)
    }
    await writer.write(Uint8Array.of(7))
    await eventually(
      () => sent > MIB,
      () => `${sent} bytes sent`,
    )
  })

  it('makes the writer wait for a reader that does not read', async () => {
    const { outbound, inbound, writer, reader } = await open()
    let written = 0
    const stop = new AbortController()
    const writing = (async () => {
      for (;;) {
        await writer.write(new Uint8Array(256 * 1024), { signal: stop.signal })
        written += 256 * 1024
      }
    })()
    // stalled for good: nothing moves for a while
    const stalled = async (): Promise<void> => {
      let last = -1
      let since = performance.now()
      await eventually(
        () => {
          if (written !== last) since = performance.now()
          last = written
          return performance.now() - since > 200
        },
        () => `${written} bytes written`,
      )
    }
    let read = 0
    for (let round = 0; round < 4; round++) {
      await stalled()
      const held = reader.bufferedBytes + inbound.readBufferLength + outbound.writeBufferLength
      assert.ok(held <= 5 * MIB, `${held} bytes are held`)
      assert.ok(written - read <= 8 * MIB, `${written - read} bytes were taken`)
      assert.equal(inbound.status, 'open')
      // so little that the stream resumes, brings more than enough at once, and must pause again right then
      await reader.exact(MIB)
      read += MIB
    }
    // it goes on where it stopped
    const stalledAt = written
    await reader.exact(stalledAt - read)
    await eventually(
      () => written > stalledAt,
      () => `${written} bytes written`,
    )
    const reason = new Error('enough')
    const ended = assert.rejects(writing, reason)
    stop.abort(reason)
    // the writer may be between two writes
    await reader.exact(MIB, { timeoutMs: 1_000 }).catch(() => {})
    await ended
    outbound.abort(new Error('done'))
  })

  it('reads on after every pause, to the last byte behind a closed stream', async () => {
    const { outbound, writer, reader } = await open()
    const data = pattern(6 * MIB)
    const sent = writer.write(data).then(() => writer.close())
    // slow in the beginning, so that the stream is paused and resumed many times
    let at = 0
    for (let i = 0; i < 30; i++) {
      const part = await reader.exact(60_000)
      assert.ok(Buffer.from(part).equals(data.subarray(at, at + part.length)))
      at += part.length
      await new Promise(resolve => setImmediate(resolve))
    }
    const rest = await reader.exact(data.length - at)
    assert.ok(Buffer.from(rest).equals(data.subarray(at)))
    await sent
    assert.equal(await reader.hasMore(), false)
    assert.ok(reader.ended)
    outbound.abort(new Error('done'))
  })

  it('tells an early end from a reset, also to a reader that comes to it late', async () => {
    const ended = await open()
    await ended.writer.write(Uint8Array.of(1, 2, 3))
    await ended.writer.close()
    await assert.rejects(ended.reader.exact(4), { code: 'TRUNCATED' })

    const reset = await open()
    await reset.writer.write(Uint8Array.of(1, 2, 3))
    await reset.reader.hasMore()
    reset.outbound.abort(new Error('reset'))
    await assert.rejects(reset.reader.exact(4), { code: 'CONNECTION_LOST' })
    await assert.rejects(reset.reader.hasMore(), { code: 'CONNECTION_LOST' })

    const late = await pairs.open(inbound => inbound)
    await createStreamWriter(late.outbound, systemClock).close()
    await eventually(
      () => late.inbound.remoteWriteStatus === 'closed',
      () => late.inbound.remoteWriteStatus,
    )
    assert.equal(await createStreamReader(late.inbound, systemClock).hasMore(), false)

    const lateForReset = await pairs.open(inbound => inbound)
    lateForReset.outbound.abort(new Error('reset'))
    await eventually(
      () => lateForReset.inbound.status === 'reset',
      () => lateForReset.inbound.status,
    )
    await assert.rejects(createStreamReader(lateForReset.inbound, systemClock).hasMore(), {
      code: 'CONNECTION_LOST',
    })
  })

  it('tells an end from a reset on no path through a relay, whose end looks the same', async () => {
    const relayed = pathEnds({ direct: false })
    const half = await pairs.open(inbound => createStreamReader(inbound, systemClock, relayed))
    const toHalf = createStreamWriter(half.outbound, systemClock, relayed)
    await toHalf.write(Uint8Array.of(1))
    await toHalf.close()
    await assert.rejects(half.attached.exact(2), { code: 'PATH_LOST', blame: false })

    const reset = await pairs.open(inbound => createStreamReader(inbound, systemClock, relayed))
    reset.outbound.abort(new Error('reset'))
    await assert.rejects(reset.attached.exact(1), { code: 'PATH_LOST', blame: false })
    const toReset = createStreamWriter(reset.outbound, systemClock, relayed)
    await assert.rejects(toReset.write(Uint8Array.of(1)), { code: 'PATH_LOST', blame: false })
  })

  it('gives what was pushed back behind the end, as protocol negotiation does', async () => {
    const { outbound, inbound } = await pairs.open(inbound => inbound)
    await createStreamWriter(outbound, systemClock).close()
    await eventually(
      () => inbound.readableEnded,
      () => inbound.readStatus,
    )
    inbound.unshift(Uint8Array.of(1, 2))
    const reader = createStreamReader(inbound, systemClock)
    assert.deepEqual(await reader.exact(2), Uint8Array.of(1, 2))
    assert.equal(await reader.hasMore(), false)
  })

  it('gives what arrived before a reset first', async () => {
    const { outbound, writer, reader } = await open()
    await writer.write(Uint8Array.of(1, 2, 3))
    await reader.hasMore()
    outbound.abort(new Error('reset'))
    assert.deepEqual(await reader.exact(3), Uint8Array.of(1, 2, 3))
  })

  it('ends every wait by signal, time limit and detaching', async () => {
    const { outbound, reader } = await open()
    const reason = new Error('reason')
    const controller = new AbortController()
    const waiting = assert.rejects(reader.exact(1, { signal: controller.signal }), reason)
    controller.abort(reason)
    await waiting
    await assert.rejects(reader.exact(1, { signal: controller.signal }), reason)
    await assert.rejects(reader.exact(1, { timeoutMs: 10 }), { code: 'TIMEOUT' })
    await assert.rejects(reader.hasMore({ timeoutMs: 10 }), { code: 'TIMEOUT' })
    const detached = assert.rejects(reader.exact(1), { code: 'CLOSED' })
    reader.detach()
    await detached
    outbound.abort(new Error('done'))
  })

  it('holds a time limit over drips of bytes', async () => {
    const { outbound, writer, reader } = await open()
    const drip = setInterval(() => void writer.write(Uint8Array.of(1)).catch(() => {}), 5)
    await assert.rejects(reader.exact(10_000, { timeoutMs: 60 }), { code: 'TIMEOUT' })
    clearInterval(drip)
    outbound.abort(new Error('done'))
  })

  it('fails a write on a stream that is gone', async () => {
    const { outbound, inbound, writer } = await open()
    inbound.abort(new Error('reset'))
    await eventually(
      () => outbound.status === 'reset',
      () => outbound.status,
    )
    await assert.rejects(writer.write(Uint8Array.of(1)), { code: 'CONNECTION_LOST' })

    const waiting = await open()
    const write = assert.rejects(waiting.writer.write(new Uint8Array(16 * MIB)), { code: 'CONNECTION_LOST' })
    await waiting.reader.hasMore()
    waiting.inbound.abort(new Error('reset'))
    await write
  })

  it('gives up a write that makes no progress', async () => {
    const { outbound, writer } = await open()
    await assert.rejects(writer.write(new Uint8Array(16 * MIB), { timeoutMs: 100 }), { code: 'TIMEOUT' })
    outbound.abort(new Error('done'))
  })

  it('frames messages, and checks the limit before the payload', async () => {
    const { outbound, writer, reader } = await open()
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 300_000]) {
      const payload = pattern(length)
      await writer.write(encodeFrame(payload))
      assert.deepEqual(await readFrame(reader, length), payload)
    }
    await writer.write(encodeFrame(new Uint8Array(11)).subarray(0, 1))
    await assert.rejects(readFrame(reader, 10), {
      code: 'TOO_LARGE',
      details: { limitBytes: 10, actualBytes: 11 },
    })
    assert.throws(() => encodeFrame(new Uint8Array(MAX_FRAME_BYTES + 1)), RangeError)
    await writer.write(Uint8Array.of(0x81, 0x00, 0x41))
    await assert.rejects(readFrame(reader, 10), { code: 'MALFORMED' })
    outbound.abort(new Error('done'))
  })

  it('carries bodies', async () => {
    const { outbound, writer, reader } = await open()
    for (const length of [0, 1, 256 * 1024, MIB + 5]) {
      const body = pattern(length)
      const paced: number[] = []
      const read = new Uint8Array(length)
      await Promise.all([
        readBody(reader, read, { pace: bytes => void paced.push(bytes) }),
        writeBody(writer, body),
      ])
      assert.ok(Buffer.from(read).equals(body))
      assert.equal(
        paced.reduce((sum, bytes) => sum + bytes, 0),
        length,
      )
    }
    await writer.write(new Uint8Array(4))
    await writer.close()
    await assert.rejects(readBody(reader, new Uint8Array(5)), { code: 'TRUNCATED' })
    outbound.abort(new Error('done'))
  })

  it('closes both ways, and resets a peer that talks on', async () => {
    const { outbound, attached: far } = await pairs.open(inbound => createChannel(inbound, systemClock))
    const near = createChannel(outbound, systemClock)
    await Promise.all([near.close({ timeoutMs: 1_000 }), far.close({ timeoutMs: 1_000 })])
    assert.equal(near.open, false)
    assert.equal(outbound.status, 'closed')

    const talking = await pairs.open(inbound => createChannel(inbound, systemClock))
    const quiet = createChannel(talking.outbound, systemClock)
    await talking.attached.send(Uint8Array.of(1))
    await quiet.close({ timeoutMs: 1_000 })
    assert.equal(talking.outbound.status, 'aborted')

    const silent = await pairs.open(inbound => createChannel(inbound, systemClock))
    const patient = createChannel(silent.outbound, systemClock)
    await patient.close({ timeoutMs: 50 })
    assert.equal(silent.outbound.status, 'aborted')
  })
})
