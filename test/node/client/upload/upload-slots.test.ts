import assert from 'node:assert/strict'
import { UploadSlots } from '../../../../node/client/upload/upload-slots.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

describe('upload slots', () => {
  const endless = () => {
    const work = Promise.withResolvers<void>()
    return { promise: work.promise, cancel: (reason: unknown) => work.reject(reason) }
  }
  let clock: VirtualClock
  beforeEach(() => {
    clock = new VirtualClock()
  })
  const slotsOf = (limit: number) => new UploadSlots({ limit, patienceMs: 10_000, clock })

  it('ends the wait for a slot with the signal', async () => {
    const slots = slotsOf(1)
    const slot = await slots.acquire()
    slot.background(endless().promise)
    await slot[Symbol.asyncDispose]()
    const stop = new AbortController()
    const waiting = slots.acquire(stop.signal)
    stop.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
  })

  it('gives simultaneous callers no more slots than there are', async () => {
    const all = slotsOf(2)
    let inside = 0
    let most = 0
    const slots = await Promise.all([all.acquire(), all.acquire()])
    const callers = Array.from({ length: 6 }, async () => {
      const slot = await all.acquire()
      most = Math.max(most, ++inside)
      await Promise.resolve()
      inside--
      await slot[Symbol.asyncDispose]()
    })
    // both at once: everyone who waits wakes
    await Promise.all(slots.map(slot => slot[Symbol.asyncDispose]()))
    await Promise.all(callers)
    assert.equal(most, 2)
  })

  it('keeps the slot, and what it owns, until the work that was left behind has ended', async () => {
    const slots = slotsOf(1)
    const work = Promise.withResolvers<void>()
    const slot = await slots.acquire()
    slot.background(work.promise)
    const gone: string[] = []
    for (const name of ['first', 'second'])
      slot.own({ [Symbol.asyncDispose]: async () => void gone.push(name) })
    await slot[Symbol.asyncDispose]()
    await slot[Symbol.asyncDispose]()
    let entered = false
    const next = slots.acquire().then(() => {
      entered = true
    })
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(entered, false)
    assert.deepEqual(gone, [])
    work.resolve()
    await next
    assert.deepEqual(gone, ['second', 'first'])
  })

  it('cancels the oldest when there is no slot for long', async () => {
    const slots = slotsOf(2)
    const cut: number[] = []
    for (const i of [0, 1]) {
      const { promise, cancel } = endless()
      const slot = await slots.acquire()
      slot.background(promise, reason => {
        cut.push(i)
        cancel(reason)
      })
      await slot[Symbol.asyncDispose]()
    }
    const next = slots.acquire()
    await clock.advance(9_999)
    assert.deepEqual(cut, [])
    await clock.advance(1)
    await next
    assert.deepEqual(cut, [0])
  })

  it('goes on to the next when the oldest does not end', async () => {
    const slots = slotsOf(2)
    const last = endless()
    for (const [promise, cancel] of [
      [endless().promise, () => undefined],
      [last.promise, last.cancel],
    ] as const) {
      const slot = await slots.acquire()
      slot.background(promise, cancel)
      await slot[Symbol.asyncDispose]()
    }
    const next = slots.acquire()
    await clock.advance(20_000)
    await next
  })

  it('closes at once when nothing is under way, and ends what is', async () => {
    const slots = slotsOf(1)
    const { promise, cancel } = endless()
    slots.signal.addEventListener('abort', () => cancel(slots.signal.reason))
    const slot = await slots.acquire()
    slot.background(promise)
    const closing = slots.close(10)
    await clock.advance(10)
    await closing
    assert.equal(slots.signal.aborted, true)
  })
})
