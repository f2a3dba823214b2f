import assert from 'node:assert/strict'
import { Clock } from '../../../base/clock.ts'
import { Turns } from '../../../chain/localnet/ledger/turns.ts'

/** Time passes by work and by timers alone. */
let now = 0
const clock = new Clock({
  now: () => now,
  monotonic: () => now,
  after(ms, act) {
    const timer = setImmediate(() => {
      now += ms
      act()
    })
    return { stop: () => clearImmediate(timer) }
  },
})

/** Longer than a slice, when nothing else is said. */
function busy(ms = 15): void {
  now += ms
}

describe('chain/localnet: turns of executions', () => {
  it('does what comes alone at once', () => {
    const turns = new Turns({ clock })
    let done = false
    void turns.run('a', () => {
      done = true
    })
    assert.ok(done)
  })

  it('takes callers in turn, however many one has waiting', async () => {
    const turns = new Turns({ clock })
    const order: string[] = []
    const work = (name: string) => () => {
      busy()
      order.push(name)
    }
    const many = Array.from({ length: 5 }, (_, i) => turns.run('many', work(`many ${i}`)))
    const few = ['one', 'two'].map(caller => turns.run(caller, work(caller)))
    await Promise.all([...many, ...few])
    assert.deepEqual(order, ['many 0', 'many 1', 'one', 'two', 'many 2', 'many 3', 'many 4'])
  })

  it('lets the event loop in after long work', async () => {
    const turns = new Turns({ clock })
    const order: string[] = []
    const all = Array.from({ length: 3 }, (_, i) =>
      turns.run('a', () => {
        busy()
        order.push(`work ${i}`)
        setImmediate(() => order.push(`loop ${i}`))
      }),
    )
    await Promise.all(all)
    assert.ok(order.indexOf('loop 0') < order.indexOf('work 2'), order.join())
  })

  it('hands on what goes wrong, and goes on', async () => {
    const turns = new Turns({ clock })
    const failing = turns.run('a', () => {
      throw new Error('wrong')
    })
    await assert.rejects(failing, /wrong/)
    assert.equal(await turns.run('a', () => 1), 1)
  })

  it('does nothing for callers who are gone', async () => {
    const turns = new Turns({ clock })
    const gone = new AbortController()
    const first = turns.run('a', () => busy())
    let ran = false
    const second = turns.run(
      'a',
      () => {
        ran = true
      },
      gone.signal,
    )
    gone.abort(new Error('gone'))
    await first
    await assert.rejects(second, /gone/)
    assert.equal(ran, false)
  })

  it('lets a caller wait whose work is long again and again, and nobody else', async () => {
    const turns = new Turns({ clock, maxDebtMs: 100 })
    await turns.run('greedy', () => busy(200))
    let waits = true
    const last = turns.run('greedy', () => {
      waits = false
    })
    await turns.run('other', () => undefined)
    assert.ok(waits)
    await last
  })
})
