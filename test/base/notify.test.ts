import assert from 'node:assert/strict'
import { Notify } from '../../base/notify.ts'
import type { Timer } from '../../base/timers.ts'

const settled = async (promise: Promise<void>): Promise<boolean> => {
  let isSettled = false
  const note = (): void => {
    isSettled = true
  }
  promise.then(note, note)
  await new Promise(resolve => setImmediate(resolve))
  return isSettled
}

/** Timers that fire when they are told to. */
function heldTimers() {
  const acts = new Set<() => void>()
  return {
    after(_: number, act: () => void): Timer {
      acts.add(act)
      return { stop: () => void acts.delete(act) }
    },
    fire() {
      for (const act of acts) act()
    },
    get left() {
      return acts.size
    },
  }
}

describe('news that somebody waits for', () => {
  const { signal } = new AbortController()

  it('is heard by a wait that begins after it, once', async () => {
    const news = new Notify()
    news.notify()
    await news.wait(signal)
    assert.equal(await settled(news.wait(signal)), false)
  })

  it('wakes all that wait, and counts once', async () => {
    const news = new Notify()
    const waits = [news.wait(signal), news.waitWithin(1_000, heldTimers(), signal)]
    news.notify()
    await Promise.all(waits)
    assert.equal(await settled(news.wait(signal)), false)
  })

  it('is not waited for any longer than told, and then by no timer or signal any more', async () => {
    const news = new Notify()
    const timers = heldTimers()
    const over = new AbortController()
    const wait = news.waitWithin(1_000, timers, over.signal)
    assert.equal(await settled(wait), false)
    timers.fire()
    await wait
    assert.equal(timers.left, 0)
    const next = news.waitWithin(1_000, timers, over.signal)
    news.notify()
    await next
    assert.equal(timers.left, 0)
  })

  it('is kept for the next one when a wait was given up', async () => {
    const news = new Notify()
    const over = new AbortController()
    const timers = heldTimers()
    const givenUp = news.waitWithin(1_000, timers, over.signal)
    over.abort(new Error('given up'))
    await assert.rejects(givenUp, /given up/)
    assert.equal(timers.left, 0)
    news.notify()
    await assert.rejects(news.wait(over.signal), /given up/)
    await news.wait(signal)
  })

  it('has no end to it when the time is not finite', async () => {
    const news = new Notify()
    const timers = heldTimers()
    const wait = news.waitWithin(Number.POSITIVE_INFINITY, timers, signal)
    assert.equal(timers.left, 0)
    news.notify()
    await wait
  })
})
