import assert from 'node:assert/strict'
import type { Committees } from '../../../chain/types.ts'
import { createCommitteeTracker } from '../../../node/network/committees.ts'

describe('the committee tracker', () => {
  it('never goes back to an earlier epoch, in whatever order answers come', async () => {
    const answers = [1, 2].map(() => Promise.withResolvers<Committees>())
    const waiting = [...answers]
    const tracker = createCommitteeTracker({ committees: () => waiting.shift()!.promise })
    const of = (epoch: number) => ({ epoch }) as Committees
    const [slow, quick] = [tracker.get(), tracker.get({ fresh: true })]
    answers[1]!.resolve(of(2))
    assert.equal((await quick).epoch, 2)
    answers[0]!.resolve(of(1))
    assert.equal((await slow).epoch, 2)
    assert.equal(tracker.latest()?.epoch, 2)
  })
})
