import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { StallWatch } from '../../base/deadline.ts'
import { blockLoop } from '../support/block-loop.ts'

describe('a stall of this process', () => {
  const stall = () => blockLoop(1_600)

  it('is told of by the watch also when it lies further back', async () => {
    using watch = new StallWatch()
    assert.equal(watch.stalled, false)
    await sleep(20)
    stall()
    assert.equal(watch.stalled, true)
    await sleep(700)
    assert.equal(watch.stalled, true)
  })
})
