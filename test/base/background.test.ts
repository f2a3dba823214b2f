import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Background } from '../../base/background.ts'

describe('work in the background', () => {
  it('is done once at a time, ends when it is stopped, and is waited for', async () => {
    const told: string[] = []
    const work = new Background(async signal => {
      told.push('begins')
      await once(signal, 'abort')
      await Promise.resolve()
      told.push(`ends: ${signal.reason.name}`)
    })
    await work.stop()
    work.start()
    // a second start must not lose the signal of the first
    work.start()
    await Promise.all([work.stop(), work.stop()])
    assert.deepEqual(told, ['begins', 'ends: AbortError'])
    work.start()
    await work.stop()
    assert.equal(told.length, 4)
  })

  it('tells of what it fails with when it is stopped', async () => {
    const work = new Background(async () => {
      throw new Error('broken')
    })
    work.start()
    await assert.rejects(work.stop(), /broken/)
    await work.stop()
  })
})
