import assert from 'node:assert/strict'
import { KeyedLock } from '../../base/keyed-lock.ts'

describe('keyed lock', () => {
  it('runs what has the same key one by one, in order, and other keys beside it', async () => {
    const lock = new KeyedLock()
    const log: string[] = []
    const first = Promise.withResolvers<void>()
    const a1 = lock.run('a', async () => {
      await first.promise
      log.push('a1')
    })
    const a2 = lock.run('a', async () => log.push('a2'))
    await lock.run('b', async () => log.push('b1'))
    assert.deepEqual(log, ['b1'])
    first.resolve()
    await Promise.all([a1, a2])
    assert.deepEqual(log, ['b1', 'a1', 'a2'])
  })

  it('goes on after a failure, which only its own caller meets', async () => {
    const lock = new KeyedLock()
    const failed = lock.run('a', () => Promise.reject(new Error('disk')))
    const next = lock.run('a', async () => 'done')
    await assert.rejects(failed, /disk/)
    assert.equal(await next, 'done')
    await lock.idle()
  })
})
