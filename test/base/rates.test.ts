import assert from 'node:assert/strict'
import { createRates } from '../../base/rates.ts'

describe('rates', () => {
  let time: number
  beforeEach(() => {
    time = 0
  })
  const start = (remembered = 10) => createRates({ burst: 2, perSecond: 1, remembered, now: () => time })

  it('are of each by itself', () => {
    const rates = start()
    assert.deepEqual([rates.tryTake('a'), rates.tryTake('a'), rates.tryTake('a')], [true, true, false])
    assert.deepEqual([rates.has('a'), rates.has('b')], [false, true])
    assert.equal(rates.tryTake('b'), true)
    time += 1_000
    assert.deepEqual([rates.tryTake('a'), rates.tryTake('a')], [true, false])
  })

  it('of those who have not come for long are forgotten first', () => {
    const rates = start(3)
    for (const who of ['a', 'b', 'c', 'a', 'b', 'c', 'a']) rates.tryTake(who)
    // b is the longest unused now
    rates.tryTake('d')
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map(who => rates.has(who)),
      [false, true, false, true],
    )
  })
})
