import assert from 'node:assert/strict'
import { createLingering } from '../../../../node/client/upload/lingering.ts'

describe('lingering work', () => {
  const endless = () => {
    const work = Promise.withResolvers<void>()
    return { promise: work.promise, cutShort: (reason: unknown) => work.reject(reason) }
  }

  it('ends the wait for a place with the signal', async () => {
    const lingering = createLingering(1)
    const place = await lingering.enter()
    place.add(endless().promise)
    place.leave()
    const stop = new AbortController()
    const waiting = lingering.enter(stop.signal)
    stop.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
  })

  it('gives simultaneous callers no more places than there are', async () => {
    const lingering = createLingering(2)
    let inside = 0
    let most = 0
    const places = await Promise.all([lingering.enter(), lingering.enter()])
    const callers = Array.from({ length: 6 }, async () => {
      const place = await lingering.enter()
      most = Math.max(most, ++inside)
      await Promise.resolve()
      inside--
      place.leave()
    })
    // both at once: everyone who waits wakes
    for (const place of places) place.leave()
    await Promise.all(callers)
    assert.equal(most, 2)
  })

  it('keeps the place until the work that was left behind has ended', async () => {
    const lingering = createLingering(1)
    const work = Promise.withResolvers<void>()
    const place = await lingering.enter()
    place.add(work.promise)
    place.leave()
    place.leave()
    let entered = false
    const next = lingering.enter().then(() => {
      entered = true
    })
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(entered, false)
    work.resolve()
    await next
  })

  it('cuts the oldest short when there is no place for long', async () => {
    const lingering = createLingering(2, 20)
    const cut: number[] = []
    for (const i of [0, 1]) {
      const { promise, cutShort } = endless()
      const place = await lingering.enter()
      place.add(promise, reason => {
        cut.push(i)
        cutShort(reason)
      })
      place.leave()
    }
    await lingering.enter()
    assert.deepEqual(cut, [0])
  })

  it('goes on to the next when the oldest does not end', async () => {
    const lingering = createLingering(2, 20)
    const last = endless()
    for (const [promise, cutShort] of [
      [endless().promise, () => undefined],
      [last.promise, last.cutShort],
    ] as const) {
      const place = await lingering.enter()
      place.add(promise, cutShort)
      place.leave()
    }
    await lingering.enter()
  })

  it('closes at once when nothing is under way, and ends what is', async () => {
    const lingering = createLingering(1)
    const { promise, cutShort } = endless()
    lingering.signal.addEventListener('abort', () => cutShort(lingering.signal.reason))
    const place = await lingering.enter()
    place.add(promise)
    await lingering.close(10)
    assert.equal(lingering.signal.aborted, true)
  })
})
