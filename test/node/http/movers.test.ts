import assert from 'node:assert/strict'
import { createMovers } from '../../../node/http/movers.ts'
import { createPace } from '../../../node/http/pace.ts'

const MIB = 1024 * 1024

describe('pace', () => {
  it('tells the speed of late, and nothing before its first window has passed', () => {
    let now = 0
    const pace = createPace({ windowMs: 5_000, clock: { monotonic: () => now } })
    pace.moved(100 * MIB)
    now = 4_999
    assert.equal(pace.bytesPerSecond(), Number.POSITIVE_INFINITY)
    now = 5_000
    assert.equal(pace.bytesPerSecond(), 20 * MIB)
    now = 10_000
    pace.moved(5 * MIB)
    assert.equal(pace.bytesPerSecond(), MIB)
    now = 60_000
    assert.equal(pace.bytesPerSecond(), 0)
  })
})

describe('movers', () => {
  let now: number
  let cut: string[]
  beforeEach(() => {
    now = 0
    cut = []
  })
  const setUp = () => {
    const movers = createMovers({ windowMs: 5_000, clock: { monotonic: () => now } })
    const add = (name: string, address: string, bytes: number) =>
      movers.add({ address, bytes: () => bytes, cut: () => void cut.push(name) })
    return { movers, add }
  }

  it('cuts the slowest of the address that takes most, as many as are needed', () => {
    const { movers, add } = setUp()
    const fast = add('fast', 'a', 100)
    add('stalled', 'a', 10)
    const slow = add('slow', 'a', 20)
    add('other', 'b', 50)
    now = 9_000
    fast.moved(100 * MIB)
    slow.moved(1)
    movers.cutSlow(15)
    assert.deepEqual(cut, ['stalled', 'slow'])
    movers.cutSlow(0)
    assert.deepEqual(cut, ['stalled', 'slow', 'other'])
    movers.cutSlow(1)
    assert.equal(cut.length, 3, 'who is fast will be done soon')
  })

  it('cuts one of the address with the most places when a place is needed, however few bytes they are', () => {
    const { movers, add } = setUp()
    add('honest', 'a', 20 * MIB)
    for (const name of ['first', 'second']) add(name, 'b', 1)
    now = 9_000
    movers.cutSlow(0)
    assert.deepEqual(cut, ['first'])
  })

  it('spares those that have only begun, and those that are done', () => {
    const { movers, add } = setUp()
    const done = add('done', 'a', 10)
    now = 20_000
    add('new', 'a', 10)
    done.done()
    movers.cutSlow(10)
    assert.deepEqual(cut, [])
    now = 30_000
    movers.cutSlow(10)
    assert.deepEqual(cut, ['new'])
  })
})
