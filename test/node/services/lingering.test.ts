import assert from 'node:assert/strict'
import { createLingering } from '../../../node/services/lingering.ts'

describe('lingering work', () => {
  const endless = () => {
    const work = Promise.withResolvers<void>()
    return { promise: work.promise, cutShort: (reason: unknown) => work.reject(reason) }
  }

  it('ends the wait for room with the signal', async () => {
    const lingering = createLingering(1)
    lingering.add(endless().promise)
    const stop = new AbortController()
    const room = lingering.room(stop.signal)
    stop.abort(new Error('enough'))
    await assert.rejects(room, /enough/)
  })

  it('cuts the oldest short when there is no room for long', async () => {
    const lingering = createLingering(2, 20)
    const cut: number[] = []
    for (const i of [0, 1]) {
      const { promise, cutShort } = endless()
      lingering.add(promise, reason => {
        cut.push(i)
        cutShort(reason)
      })
    }
    await lingering.room()
    assert.deepEqual(cut, [0])
    await lingering.room()
    assert.deepEqual(cut, [0])
  })

  it('goes on to the next when the oldest does not end', async () => {
    const lingering = createLingering(2, 20)
    const last = endless()
    lingering.add(endless().promise, () => undefined)
    lingering.add(last.promise, last.cutShort)
    await lingering.room()
  })

  it('closes at once when nothing is under way, and ends what is', async () => {
    const lingering = createLingering(1)
    const { promise, cutShort } = endless()
    lingering.signal.addEventListener('abort', () => cutShort(lingering.signal.reason))
    lingering.add(promise)
    await lingering.close(10)
    assert.equal(lingering.signal.aborted, true)
  })
})
