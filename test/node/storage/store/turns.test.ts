import assert from 'node:assert/strict'
import { Turns } from '../../../../node/storage/store/turns.ts'

describe('turns', () => {
  it('runs what has the same key one by one, in order, and other keys beside it', async () => {
    const turns = new Turns()
    const log: string[] = []
    const first = Promise.withResolvers<void>()
    const a1 = turns.take('a', async () => {
      await first.promise
      log.push('a1')
    })
    const a2 = turns.take('a', async () => log.push('a2'))
    await turns.take('b', async () => log.push('b1'))
    assert.deepEqual(log, ['b1'])
    first.resolve()
    await Promise.all([a1, a2])
    assert.deepEqual(log, ['b1', 'a1', 'a2'])
  })

  it('goes on after a failure, which only its own caller meets', async () => {
    const turns = new Turns()
    const failed = turns.take('a', () => Promise.reject(new Error('disk')))
    const next = turns.take('a', async () => 'done')
    await assert.rejects(failed, /disk/)
    assert.equal(await next, 'done')
    await turns.idle()
  })
})
