import assert from 'node:assert/strict'
import { systemClock } from '../../../../base/clock.ts'
import { createReceiveBuffers } from '../../../../node/storage/custody/receive-buffers.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

describe('receive buffers', () => {
  it('gives the same memory again, in the length that is asked for', () => {
    const buffers = createReceiveBuffers(systemClock)
    const first = buffers.take(1_000)
    assert.equal(first.length, 1_000)
    buffers.give(first)
    const second = buffers.take(500)
    assert.equal(second.length, 500)
    assert.equal(second.buffer, first.buffer)
    // it is out: nobody else may get it
    assert.notEqual(buffers.take(500).buffer, first.buffer)
    buffers.give(second)
    assert.equal(buffers.take(1_000).buffer, first.buffer)
  })

  it('takes the smallest that suffices, and none that is far too large', () => {
    const buffers = createReceiveBuffers(systemClock)
    const [large, small] = [buffers.take(3_000), buffers.take(1_500)]
    buffers.give(large)
    buffers.give(small)
    assert.notEqual(buffers.take(100).buffer, small.buffer)
    assert.equal(buffers.take(1_000).buffer, small.buffer)
    assert.equal(buffers.take(1_000).buffer, large.buffer)
  })

  it('keeps no more than its limit', () => {
    const buffers = createReceiveBuffers(systemClock, 2_500)
    const all = Array.from({ length: 3 }, () => buffers.take(1_000))
    for (const buffer of all) buffers.give(buffer)
    const again = new Set(Array.from({ length: 3 }, () => buffers.take(1_000).buffer))
    assert.equal(all.filter(({ buffer }) => again.has(buffer)).length, 2)
  })

  it('forgets what was not used for a while', async () => {
    const clock = new VirtualClock()
    const buffers = createReceiveBuffers(clock)
    const first = buffers.take(1_000)
    buffers.give(first)
    await clock.advance(9_999)
    const again = buffers.take(1_000)
    assert.equal(again.buffer, first.buffer)
    buffers.give(again)
    await clock.advance(10_000)
    assert.notEqual(buffers.take(1_000).buffer, first.buffer)
  })
})
