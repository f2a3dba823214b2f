import assert from 'node:assert/strict'
import { createBackoff } from '../../base/backoff.ts'

describe('backoff', () => {
  it('doubles its pauses up to the longest, and begins anew after a success', async () => {
    const backoff = createBackoff({ firstMs: 1, maxMs: 5 })
    const pauses: number[] = []
    for (let i = 0; i < 5; i++) {
      pauses.push(backoff.nextMs)
      await backoff.pause()
    }
    assert.deepEqual(pauses, [1, 2, 4, 5, 5])
    backoff.reset()
    assert.equal(backoff.nextMs, 1)
    assert.equal(createBackoff({ firstMs: 9, maxMs: 5 }).nextMs, 5)
  })

  it('takes a share of each pause by chance', async () => {
    // all of it is random, and chance says none
    const backoff = createBackoff({ firstMs: 60_000, maxMs: 60_000, jitter: 1, random: () => 1 })
    await backoff.pause()
  })

  it('ends with the reason of the signal', async () => {
    const backoff = createBackoff({ firstMs: 60_000, maxMs: 60_000 })
    const controller = new AbortController()
    const reason = new Error('enough')
    const pausing = backoff.pause(controller.signal)
    controller.abort(reason)
    await assert.rejects(pausing, reason)
  })
})
