import assert from 'node:assert/strict'
import { createPlaceQueue, type PlaceName } from '../../base/place-queue.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const WAIT_MS = 1_000
const name = (text: string, most: number, waiting?: number): PlaceName => ({ name: text, most, waiting })

describe('a queue for places', () => {
  const start = (most: number, waiting: number) => {
    const clock = new VirtualClock()
    const order: string[] = []
    const queue = createPlaceQueue({ most, waiting, waitMs: WAIT_MS, clock })
    const enter = async (who: string, names: PlaceName[], signal?: AbortSignal) => {
      const leave = await queue.enter(names, signal)
      order.push(who)
      return leave
    }
    return { clock, order, enter }
  }

  it('gives places in turn, and nobody waits for those of another name', async () => {
    const { order, enter } = start(2, 10)
    const a = [name('a', 1)]
    const leave = await enter('a1', a)
    const rest = [enter('a2', a), enter('a3', a)]
    const other = await enter('b1', [name('b', 1)])
    assert.ok(leave && other)
    assert.deepEqual(order, ['a1', 'b1'])
    const late = enter('c1', [name('c', 1)])
    other()
    await late
    leave()
    leave()
    const second = await rest[0]
    assert.deepEqual(order, ['a1', 'b1', 'c1', 'a2'])
    second!()
    assert.ok(await rest[1])
  })

  it('refuses who finds too many waiting, of all or of a name, and who has waited for too long', async () => {
    const { clock, enter } = start(1, 2)
    const leave = await enter('a1', [])
    const waiting = [enter('a2', [name('a', 1, 1)]), enter('b1', [name('b', 1)])]
    assert.equal(await enter('c1', [name('c', 1)]), undefined)
    await clock.advanceUntil(Promise.all(waiting), WAIT_MS)
    assert.deepEqual(await Promise.all(waiting), [undefined, undefined])
    // they have left the queue
    const again = enter('a3', [name('a', 1, 1)])
    assert.equal(await enter('a4', [name('a', 1, 1)]), undefined)
    leave!()
    assert.ok(await again)
  })

  it('has nobody wait any more who has gone', async () => {
    const { enter } = start(1, 2)
    const leave = await enter('a1', [])
    const gone = new AbortController()
    const waiting = enter('a2', [], gone.signal)
    const next = enter('a3', [])
    gone.abort(new Error('gone'))
    await assert.rejects(waiting, /gone/)
    leave!()
    assert.ok(await next)
    await assert.rejects(enter('a4', [], gone.signal), /gone/)
  })
})
