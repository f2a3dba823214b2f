import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createBudget } from '../../../protocols/quota/budget.ts'

/** Lets what is ready run. */
const settle = () => new Promise(resolve => setImmediate(resolve))

describe('budget', () => {
  it('gives in order of asking, so that a large taker is not starved', async () => {
    const budget = createBudget(10)
    const order: string[] = []
    const take = (name: string, amount: number) =>
      budget.take(amount).then(hold => {
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
    assert.equal(budget.used, 9)
  })

  it('grants more than all of it only alone', async () => {
    const budget = createBudget(10)
    const hold = await budget.take(25)
    const next = budget.take(1)
    await settle()
    assert.equal(budget.used, 25)
    hold.release()
    ;(await next).release()
    assert.equal(budget.used, 0)
  })

  it('forgets who gave up, and lets the next one pass', async () => {
    const budget = createBudget(10)
    await budget.take(6)
    const controller = new AbortController()
    const reason = new Error('gave up')
    const large = assert.rejects(budget.take(8, controller.signal), reason)
    const small = budget.take(2)
    controller.abort(reason)
    await large
    await small
    assert.equal(budget.used, 8)
    await assert.rejects(budget.take(1, controller.signal), reason)
  })

  it('takes a return once', async () => {
    const budget = createBudget(10)
    const hold = await budget.take(4)
    hold.release()
    hold.release()
    assert.equal(budget.used, 0)
  })

  it('takes back a part, never gives more', async () => {
    const budget = createBudget(10)
    const hold = await budget.take(9)
    const next = budget.take(5)
    hold.shrink(4)
    await next
    assert.equal(budget.used, 9)
    hold.shrink(8)
    assert.equal(budget.used, 9)
    hold.release()
    assert.equal(budget.used, 5)
  })

  it('never has out more than it holds, and is whole in the end', async () => {
    const step = fc.record({ amount: fc.integer({ min: 1, max: 10 }), abort: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
        const budget = createBudget(10)
        await Promise.all(
          steps.map(async ({ amount, abort }) => {
            const controller = new AbortController()
            const taken = budget.take(amount, controller.signal)
            if (abort) queueMicrotask(() => controller.abort())
            const hold = await taken.catch(() => undefined)
            assert.ok(budget.used <= 10)
            await settle()
            hold?.release()
          }),
        )
        assert.equal(budget.used, 0)
      }),
      { numRuns: 50 },
    )
  })
})
