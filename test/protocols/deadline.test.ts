import assert from 'node:assert/strict'
import { once } from 'node:events'
import { systemClock } from '../../base/clock.ts'
import { peerDeadline } from '../../protocols/deadline.ts'
import { ProtocolError } from '../../protocols/errors.ts'
import { createStreamReader } from '../../protocols/stream/reader.ts'
import { blockLoop } from '../support/block-loop.ts'
import { streamPairs } from './support/stream-pair.ts'

describe('deadline of a peer', () => {
  it('ends when nothing comes, and once only', async () => {
    using limit = peerDeadline(systemClock, 40)
    await once(limit.signal, 'abort')
    assert.ok(limit.expired)
    assert.ok(limit.signal.reason instanceof ProtocolError && limit.signal.reason.code === 'TIMEOUT')
  })

  it('ends with the reason of a signal that it was given, at once', () => {
    const reason = new Error('enough')
    using limit = peerDeadline(systemClock, 60_000, undefined, AbortSignal.abort(reason))
    assert.equal(limit.signal.reason, reason)
    assert.equal(limit.expired, false)
  })

  it('is what a reader of a stream waits by', async () => {
    const pairs = await streamPairs()
    try {
      const { outbound, attached: reader } = await pairs.open(inbound =>
        createStreamReader(inbound, systemClock),
      )
      const half = reader.exact(8, { timeoutMs: 300 })
      outbound.send(new Uint8Array(4))
      await new Promise(resolve => setImmediate(resolve))
      outbound.send(new Uint8Array(4))
      blockLoop(800)
      assert.equal((await half).length, 8)
    } finally {
      await pairs.stop()
    }
  })
})
