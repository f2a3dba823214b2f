import assert from 'node:assert/strict'
import { type Attempt, stagger } from '../../../../node/network/paths/stagger.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

describe('staggered attempts', () => {
  let clock: VirtualClock
  let log: string[]
  let dropped: string[]
  beforeEach(() => {
    clock = new VirtualClock()
    log = []
    dropped = []
  })

  interface Outcome {
    ms: number
    fails?: boolean
    /** takes no notice of its signal */
    deaf?: boolean
  }
  const attempt = (name: string, { ms, fails = false, deaf = false }: Outcome): Attempt<string> => ({
    afterMs: 250,
    async run(signal) {
      log.push(`${name} at ${clock.monotonic()}`)
      if (!deaf) signal.addEventListener('abort', () => log.push(`${name} aborted`))
      await clock.sleep(ms, deaf ? undefined : signal)
      if (fails) throw new Error(name)
      return name
    },
  })
  const run = (attempts: Attempt<string>[], signal = new AbortController().signal) =>
    stagger(attempts, { clock, signal, drop: late => dropped.push(late) })

  it('begin one after the other, and the first that comes to something ends the rest', async () => {
    const won = run([attempt('a', { ms: 9_000 }), attempt('b', { ms: 300 }), attempt('c', { ms: 9_000 })])
    await clock.advance(600)
    assert.equal(await won, 'b')
    assert.deepEqual(log, ['a at 0', 'b at 250', 'c at 500', 'a aborted', 'c aborted'])
    assert.equal(clock.waiting, 0)
  })

  it('begin at once when the one before has failed', async () => {
    const won = run([attempt('a', { ms: 10, fails: true }), attempt('b', { ms: 5 }), attempt('c', { ms: 1 })])
    await clock.advance(100)
    assert.equal(await won, 'b')
    assert.deepEqual(log, ['a at 0', 'b at 10'])
    assert.equal(clock.waiting, 0)
  })

  it('fail together, each with its reason', async () => {
    const all = run([attempt('a', { ms: 900, fails: true }), attempt('b', { ms: 10, fails: true })])
    const failing = assert.rejects(all, (error: AggregateError) => {
      assert.deepEqual(
        error.errors.map(({ message }) => message),
        ['b', 'a'],
      )
      return true
    })
    await clock.advance(1_000)
    await failing
    await assert.rejects(run([]), AggregateError)
  })

  it('give back what comes too late', async () => {
    const won = run([attempt('a', { ms: 300, deaf: true }), attempt('b', { ms: 10 })])
    await clock.advance(1_000)
    assert.equal(await won, 'b')
    assert.deepEqual(dropped, ['a'])
  })

  it('end with the signal, and begin nothing more', async () => {
    const stop = new AbortController()
    const ended = assert.rejects(
      run([attempt('a', { ms: 400, deaf: true }), attempt('b', { ms: 1 })], stop.signal),
      /enough/,
    )
    await clock.advance(100)
    stop.abort(new Error('enough'))
    await ended
    await clock.advance(1_000)
    assert.deepEqual(log, ['a at 0'])
    assert.deepEqual(dropped, ['a'])
    assert.equal(clock.waiting, 0)
  })
})
