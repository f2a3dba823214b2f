import assert from 'node:assert/strict'
import { createReceiveBuffers } from '../../../protocols/store/receive-buffers.ts'

describe('receive buffers', () => {
  it('gives the same memory again, in the length that is asked for', () => {
    const buffers = createReceiveBuffers()
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
    const buffers = createReceiveBuffers()
    const [large, small] = [buffers.take(3_000), buffers.take(1_500)]
    buffers.give(large)
    buffers.give(small)
    assert.notEqual(buffers.take(100).buffer, small.buffer)
    assert.equal(buffers.take(1_000).buffer, small.buffer)
    assert.equal(buffers.take(1_000).buffer, large.buffer)
  })

  it('keeps no more than its limit', () => {
    const buffers = createReceiveBuffers(2_500)
    const all = Array.from({ length: 3 }, () => buffers.take(1_000))
    for (const buffer of all) buffers.give(buffer)
    const again = new Set(Array.from({ length: 3 }, () => buffers.take(1_000).buffer))
    assert.equal(all.filter(({ buffer }) => again.has(buffer)).length, 2)
  })

  it('forgets what was not used for a while', async () => {
    const buffers = createReceiveBuffers(2_500, 1)
    const first = buffers.take(1_000)
    buffers.give(first)
    const idle = Promise.withResolvers<void>()
    setTimeout(idle.resolve, 5)
    await idle.promise
    assert.notEqual(buffers.take(1_000).buffer, first.buffer)
  })
})
