import assert from 'node:assert/strict'
import { silentLog } from '../../../base/log.ts'
import type { Committees } from '../../../chain/types/index.ts'
import { createCommitteeTracker, readingAgain } from '../../../node/network/committees.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

describe('the committee tracker', () => {
  it('never goes back to an earlier epoch, in whatever order answers come', async () => {
    const answers = [1, 2].map(() => Promise.withResolvers<Committees>())
    const waiting = [...answers]
    const tracker = createCommitteeTracker({ committees: () => waiting.shift()!.promise })
    const of = (epoch: number) => ({ epoch, state: { kind: 'done' } }) as Committees
    const [slow, quick] = [tracker.get(), tracker.get({ fresh: true })]
    answers[1]!.resolve(of(2))
    assert.equal((await quick).epoch, 2)
    answers[0]!.resolve(of(1))
    assert.equal((await slow).epoch, 2)
    assert.equal(tracker.latest()?.epoch, 2)
  })

  it('nor to before the next committee was selected, as an RPC that is behind would have it', async () => {
    const answers = ['next-params-selected', 'done'].map(
      kind =>
        ({ epoch: 2, state: { kind }, next: kind === 'done' ? undefined : {} }) as unknown as Committees,
    )
    const tracker = createCommitteeTracker({ committees: async () => answers.shift()! })
    await tracker.get()
    assert.ok((await tracker.get({ fresh: true })).next)
  })

  it('tells when members were read again, and not when only the state was', async () => {
    const of = (current: object, kind = 'done') => ({ epoch: 2, state: { kind }, current }) as Committees
    const [before, after] = [{}, {}]
    const answers = [of(before, 'sync'), of(before), of(after), of(before, 'sync'), of(before)]
    const tracker = createCommitteeTracker({ committees: async () => answers.shift()! })
    const seen: unknown[] = []
    const unlisten = tracker.onChange(() => seen.push(tracker.latest()?.current))
    for (let i = 0; i < 4; i++) await tracker.get()
    // what an RPC says that is behind is no news
    assert.deepEqual(
      seen.map(one => one === after),
      [false, true],
    )
    unlisten()
    await tracker.get()
    assert.equal(seen.length, 2)
  })

  it('reads the members again when one cannot be dialled, not for each of many', async () => {
    const clock = new VirtualClock()
    const asked: unknown[] = []
    const committees = {
      get: async (options: object = {}) => {
        asked.push(options)
        throw new Error('the chain does not answer')
      },
    }
    const unreachable = readingAgain(committees, { clock, log: silentLog() })
    for (let i = 0; i < 10; i++) unreachable()
    assert.deepEqual(asked, [{ fresh: true }])
    await clock.advance(5_000)
    unreachable()
    assert.equal(asked.length, 2)
  })
})
