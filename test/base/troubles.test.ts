import assert from 'node:assert/strict'
import { Troubles } from '../../base/troubles.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describe('troubles', () => {
  let clock: VirtualClock
  let troubles: Troubles
  beforeEach(() => {
    clock = new VirtualClock()
    troubles = new Troubles(clock, { firstMs: 60_000, maxMs: 240_000 })
  })
  const coded = (code: string, message: string) => Object.assign(new Error(message), { code })
  /** Seconds at which something that fails each second is said. */
  const saidWithin = async (seconds: number, error: () => unknown, patienceMs?: number) => {
    const said: number[] = []
    for (let second = 0; second < seconds; second++) {
      if (troubles.isNews(error(), patienceMs)) said.push(second)
      await clock.advance(1_000)
    }
    return said
  }

  it('are said at once, and then at growing distances, up to the longest', async () => {
    assert.deepEqual(await saidWithin(1_000, () => new Error('no gas')), [0, 60, 180, 420, 660, 900])
  })

  it('are said again when they are others, by their codes where they have some', async () => {
    let i = 0
    assert.deepEqual(await saidWithin(50, () => coded('NO_GAS', `${i++} of 100`)), [0])
    assert.deepEqual(await saidWithin(50, () => coded(i++ % 2 ? 'NO_GAS' : 'NO_RPC', '')), [0, 11])
  })

  it('are news once it went well', async () => {
    assert.equal(troubles.isNews('no gas'), true)
    assert.equal(troubles.isNews('no gas'), false)
    troubles.over()
    assert.equal(troubles.isNews('no gas'), true)
  })

  it('are not said before they have lasted, where they pass by themselves', async () => {
    assert.deepEqual(await saidWithin(9, () => 'behind', 10_000), [])
    troubles.over()
    assert.deepEqual(await saidWithin(80, () => 'behind', 10_000), [10, 70])
  })
})
