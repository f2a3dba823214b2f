import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { Notify } from '../../base/notify.ts'
import { SingleFlight } from '../../base/single-flight.ts'
import { anySignal, onAbort, settlesWithin, signalWhile, sleep, waitFor } from '../../base/wait.ts'

const never = new Promise<never>(() => {})

describe('wait', () => {
  it('ends with its own outcome or the reason of the signal, and leaves no listener behind', async () => {
    const { signal } = new AbortController()
    let armed = 0
    const arm = (act: (resolve: () => void, reject: (error: unknown) => void) => void) =>
      waitFor((resolve, reject) => {
        armed++
        act(resolve, reject)
        return () => armed--
      }, signal)
    await arm(resolve => void setImmediate(resolve))
    await arm(resolve => resolve())
    await assert.rejects(
      arm((_, reject) => reject(new Error('no'))),
      /no/,
    )
    assert.equal(armed, 0)
    await sleep(1, signal)
    assert.equal(getEventListeners(signal, 'abort').length, 0)
  })

  it('is over at once when the signal aborts, and does not begin after it has', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const sleeping = sleep(60_000, controller.signal)
    controller.abort(reason)
    await assert.rejects(sleeping, reason)
    await assert.rejects(sleep(0, controller.signal), reason)
    await assert.rejects(
      waitFor(() => assert.fail('armed'), controller.signal),
      reason,
    )
  })

  it('tells whether a promise was fulfilled in time', async () => {
    assert.equal(await settlesWithin(Promise.resolve(1), 60_000), true)
    assert.equal(await settlesWithin(never, 1), false)
    await assert.rejects(settlesWithin(Promise.reject(new Error('broke')), 60_000), /broke/)
  })

  it('takes any of the signals that there are', () => {
    const reason = new Error('enough')
    assert.equal(anySignal(undefined, AbortSignal.abort(reason)).reason, reason)
    assert.equal(anySignal().aborted, false)
  })
})

describe('notify', () => {
  it('wakes who waits, and who waits later of what happened meanwhile', async () => {
    const news = new Notify()
    const { signal } = new AbortController()
    const waiting = news.wait(signal)
    news.notify()
    await waiting
    news.notify()
    news.notify()
    await news.wait(signal)
    assert.equal(await settlesWithin(news.wait(signal), 1), false)
  })

  it('is heard by the one that waits although another gave up waiting just before', async () => {
    const news = new Notify()
    const { signal } = new AbortController()
    const rest = new AbortController()
    const given = news.wait(rest.signal).catch(() => 'given up')
    rest.abort()
    // begins before the other one's end has run
    const waiting = news.wait(signal)
    assert.equal(await given, 'given up')
    news.notify()
    assert.equal(await settlesWithin(waiting, 1_000), true)
  })

  it('ends with the reason of the signal, and wakes the next one all the same', async () => {
    const news = new Notify()
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = news.wait(controller.signal)
    controller.abort(reason)
    await assert.rejects(waiting, reason)
    await assert.rejects(news.wait(controller.signal), reason)
    news.notify()
    await news.wait(new AbortController().signal)
  })
})

describe('what is to be done at an abort', () => {
  it('is done once, at once when it is too late to wait, and not after its end', () => {
    let done = 0
    const count = () => void done++
    const controller = new AbortController()
    const { signal } = controller
    {
      using _ = onAbort(signal, count)
      assert.equal(getEventListeners(signal, 'abort').length, 1)
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0)
    onAbort(signal, count)
    controller.abort()
    assert.equal(done, 1)
    onAbort(signal, count)
    assert.equal(done, 2)
    onAbort(undefined, count)[Symbol.dispose]()
    assert.equal(done, 2)
  })

  it('reaches what a signal was lent to only as long as it is lent', () => {
    const controller = new AbortController()
    const reason = new Error('stop')
    const ended = signalWhile(controller.signal)
    ended[Symbol.dispose]()
    using lent = signalWhile(controller.signal)
    controller.abort(reason)
    assert.equal(ended.signal.aborted, false)
    assert.equal(lent.signal.reason, reason)
    using late = signalWhile(controller.signal)
    assert.equal(late.signal.reason, reason)
  })
})

describe('single flight', () => {
  it('runs once for all who come meanwhile, and again for who comes later', async () => {
    const flight = new SingleFlight<number>()
    let runs = 0
    const start = async () => ++runs
    assert.deepEqual(await Promise.all([flight.run(start), flight.run(start)]), [1, 1])
    assert.equal(await flight.run(start), 2)
  })

  it('goes on when one who waits leaves, and begins anew once it is forgotten', async () => {
    const flight = new SingleFlight<string>()
    const first = Promise.withResolvers<string>()
    const controller = new AbortController()
    const leaving = flight.run(() => first.promise, controller.signal)
    const staying = flight.run(() => assert.fail('a second run'))
    controller.abort(new Error('left'))
    await assert.rejects(leaving, /left/)
    flight.forget()
    assert.equal(await flight.run(async () => 'second'), 'second')
    first.resolve('first')
    assert.equal(await staying, 'first')
  })
})
