import assert from 'node:assert/strict'
import { createShared } from '../../../node/http/shared.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const clock = new VirtualClock()
const never = new AbortController().signal

describe('shared work', () => {
  it('is done once for all who wait, and each may stop waiting', async () => {
    let count = 0
    const gate = Promise.withResolvers<number>()
    const ask = createShared(clock, () => {
      count++
      return gate.promise
    })
    const impatient = new AbortController()
    const all = [ask(never), ask(never)]
    const gone = ask(impatient.signal)
    impatient.abort(new Error('gone'))
    await assert.rejects(gone, /gone/)
    gate.resolve(7)
    assert.deepEqual(await Promise.all(all), [7, 7])
    assert.equal(count, 1)
    await ask(never)
    assert.equal(count, 2)
  })

  it('is done again when it failed, or when its outcome is old', async () => {
    let count = 0
    const ask = createShared(
      clock,
      async () => {
        if (++count === 1) throw new Error('first')
        return count
      },
      3_600_000,
    )
    await assert.rejects(ask(never), /first/)
    assert.deepEqual([await ask(never), await ask(never)], [2, 2])
    await clock.advance(3_599_999)
    assert.equal(await ask(never), 2)
    await clock.advance(1)
    assert.equal(await ask(never), 3)
  })

  it('ends once nobody waits, and is done anew for who comes then', async () => {
    const works: (PromiseWithResolvers<number> & { unwanted: AbortSignal })[] = []
    const ask = createShared(clock, unwanted => {
      const work = { ...Promise.withResolvers<number>(), unwanted }
      works.push(work)
      return work.promise
    })
    const [one, other] = [new AbortController(), new AbortController()]
    const left = [ask(one.signal), ask(other.signal)].map(wait => assert.rejects(wait, /gone/))
    one.abort(new Error('gone'))
    await left[0]
    assert.equal(works[0]?.unwanted.aborted, false)
    other.abort(new Error('gone'))
    await left[1]
    assert.equal(works[0]?.unwanted.aborted, true)
    const late = ask(never)
    assert.equal(works.length, 1)
    works[0]?.reject(new Error('unwanted'))
    await assert.rejects(works[0]!.promise)
    await new Promise(setImmediate)
    works[1]?.resolve(2)
    assert.equal(await late, 2)
  })
})
