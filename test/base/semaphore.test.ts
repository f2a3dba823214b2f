import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createSemaphore } from '../../base/semaphore.ts'

/** Lets what is ready run. */
const settle = () => new Promise(resolve => setImmediate(resolve))

describe('semaphore', () => {
  it('gives in order of asking, so that a large taker is not starved', async () => {
    const semaphore = createSemaphore(10)
    const order: string[] = []
    const take = (name: string, amount: number) =>
      semaphore.take(amount).then(hold => {
        order.push(name)
        return hold
      })
    const first = await take('first', 6)
    const large = take('large', 8)
    const small = take('small', 1)
    await settle()
    assert.deepEqual(order, ['first'])
    first.release()
    await Promise.all([large, small])
    assert.deepEqual(order, ['first', 'large', 'small'])
    assert.equal(semaphore.used, 9)
  })

  it('grants more than all of it only alone', async () => {
    const semaphore = createSemaphore(10)
    const hold = await semaphore.take(25)
    const next = semaphore.take(1)
    await settle()
    assert.equal(semaphore.used, 25)
    hold.release()
    ;(await next).release()
    assert.equal(semaphore.used, 0)
  })

  it('forgets who gave up, and lets the next one pass', async () => {
    const semaphore = createSemaphore(10)
    await semaphore.take(6)
    const controller = new AbortController()
    const reason = new Error('gave up')
    const large = assert.rejects(semaphore.take(8, controller.signal), reason)
    const small = semaphore.take(2)
    controller.abort(reason)
    await large
    await small
    assert.equal(semaphore.used, 8)
    await assert.rejects(semaphore.take(1, controller.signal), reason)
  })

  it('takes a return once', async () => {
    const semaphore = createSemaphore(10)
    const hold = await semaphore.take(4)
    hold.release()
    hold.release()
    assert.equal(semaphore.used, 0)
  })

  it('takes back a part, never gives more', async () => {
    const semaphore = createSemaphore(10)
    const hold = await semaphore.take(9)
    const next = semaphore.take(5)
    hold.shrink(4)
    await next
    assert.equal(semaphore.used, 9)
    hold.shrink(8)
    assert.equal(semaphore.used, 9)
    hold.release()
    assert.equal(semaphore.used, 5)
  })

  it('never has out more than it holds, and is whole in the end', async () => {
    const step = fc.record({ amount: fc.integer({ min: 1, max: 10 }), abort: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
        const semaphore = createSemaphore(10)
        await Promise.all(
          steps.map(async ({ amount, abort }) => {
            const controller = new AbortController()
            const taken = semaphore.take(amount, controller.signal)
            if (abort) queueMicrotask(() => controller.abort())
            const hold = await taken.catch(() => undefined)
            assert.ok(semaphore.used <= 10)
            await settle()
            hold?.release()
          }),
        )
        assert.equal(semaphore.used, 0)
      }),
      { numRuns: 50 },
    )
  })

  it('admits everyone in order, and never more than its capacity but alone', async () => {
    const weights = fc.array(fc.nat(150), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(weights, async amounts => {
        const semaphore = createSemaphore(100)
        const held: { amount: number; release: () => void }[] = []
        const admitted: number[] = []
        const all = amounts.map(async (amount, i) => {
          const { release } = await semaphore.take(amount)
          admitted.push(i)
          held.push({ amount, release })
          const out = held.reduce((sum, { amount }) => sum + amount, 0)
          assert.ok(out <= 100 || held.every(one => one.amount === 0 || one.amount === out))
        })
        while (admitted.length < amounts.length) {
          await Promise.resolve()
          held.shift()?.release()
        }
        await Promise.all(all)
        assert.deepEqual(
          admitted,
          amounts.map((_, i) => i),
        )
      }),
    )
  })

  it('lets those who wait leave, and hears no signal of those it has let in', async () => {
    const semaphore = createSemaphore(1)
    const first = await semaphore.take(1)
    const order: number[] = []
    const reason = new Error('enough')
    const controllers = [0, 1, 2].map(() => new AbortController())
    const waiting = controllers.map(async ({ signal }, i) => {
      const hold = await semaphore.take(1, signal)
      order.push(i)
      return hold
    })
    assert.equal(semaphore.waiting, 3)
    controllers[1]!.abort(reason)
    await assert.rejects(waiting[1]!, reason)
    first.release()
    const second = await waiting[0]!
    controllers[0]!.abort(reason)
    second.release()
    const third = await waiting[2]!
    assert.deepEqual(order, [0, 2])
    await assert.rejects(semaphore.take(1, AbortSignal.abort(reason)), reason)
    third.release()
    // the place that was not taken is free
    await semaphore.take(1)
    assert.equal(semaphore.waiting, 0)
  })
})
