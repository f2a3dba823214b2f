import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { BlobId, SliverPairIndex } from '../../../codec/types.ts'
import {
  type Budget,
  type BudgetLimits,
  createBudget,
  nextTurn,
  URGENCIES,
  type Urgency,
  upkeepLimits,
} from '../../../node/storage/budget.ts'
import { memorySliverStore } from '../../../node/storage/store/memory-sliver-store.ts'
import { goingFirst } from '../../../node/storage/work.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** 1 byte is 1 ms of budget. */
const LIMITS: BudgetLimits = {
  bytesInFlight: 800,
  reservedBytes: 100,
  bytesPerSecond: 1_000,
  cpus: 2,
  floor: 1 / 16,
}
const never = new AbortController().signal

describe('whose turn it is', () => {
  const cases: [string, number, number[], string, string | undefined][] = [
    ['nobody waits', 5, [0, 0, 0, 0], '----', undefined],
    ['the most urgent', 5, [0, -1, -1, -1], 'xx-x', 'fresh'],
    ['the next one', 5, [0, -1, -1, -1], '--xx', 'scrub'],
    ['who is owed its floor, before the most urgent', 5, [0, -1, -1, 0], 'xx-x', 'prefetch by floor'],
    ['who is owed its floor, where nothing is left', -1, [-1, 0, 0, 0], 'x-xx', 'scrub by floor'],
    ['the most urgent as well, where nothing is left', -1, [0, 0, 0, 0], 'xxxx', 'fresh by floor'],
    ['nobody, where nothing is left and no floor', -1, [-1, 0, -1, -1], 'x-xx', undefined],
  ]
  for (const [name, leftMs, floorsMs, waits, expected] of cases) {
    it(name, () => {
      const turn = nextTurn({ leftMs, floorsMs, waiting: [...waits].map(one => one === 'x') })
      assert.equal(turn && `${URGENCIES[turn.at]}${turn.byFloor ? ' by floor' : ''}`, expected)
    })
  }
})

describe('the limits of what is done beside reads and writes', () => {
  it('are what the operator says, as far as that goes', () => {
    const usual = upkeepLimits(8)
    assert.deepEqual([usual.cpus, upkeepLimits(8, { cpus: undefined })], [6, usual])
    const granted = upkeepLimits(8, { cpus: 8, bytesPerSecond: 7 })
    assert.deepEqual(granted, { ...usual, cpus: 8, bytesPerSecond: 7 })
    const small = upkeepLimits(8, { bytesInFlight: 12_000 })
    assert.deepEqual([small.bytesInFlight, small.reservedBytes], [12_000, 1_000])
    assert.equal(upkeepLimits(8, { bytesInFlight: 2 ** 40 }).reservedBytes, usual.reservedBytes)
  })
})

describe('the budget of what is done beside reads and writes', () => {
  let clock: VirtualClock
  let budget: Budget
  let stop: AbortController
  let spent: Record<Urgency, number>
  let tasks: Promise<void>[]

  beforeEach(() => {
    clock = new VirtualClock()
    budget = createBudget(LIMITS, clock)
    stop = new AbortController()
    spent = { fresh: 0, handoff: 0, scrub: 0, prefetch: 0 }
    tasks = []
  })
  afterEach(async () => {
    stop.abort()
    const over = Promise.all(tasks)
    await clock.advanceUntil(over, 1_000)
    assert.equal(clock.waiting, 0)
  })

  /** Always has something to do, each of so many bytes that take a while. */
  const backlog = (urgency: Urgency, bytes = 50, tookMs = 10, signal = stop.signal) => {
    const work = async (): Promise<void> => {
      while (!signal.aborted) {
        await budget
          .within(urgency, bytes, signal, async grant => {
            await clock.sleep(tookMs)
            grant.spent({ bytes })
            spent[urgency] += bytes
          })
          .catch(error => assert.equal(error, signal.reason))
      }
    }
    tasks.push(work(), work())
  }
  const readers = (bytes: number) => {
    const read = (): void => {
      if (stop.signal.aborted) return
      budget.foreground(bytes)
      clock.after(10, read)
    }
    read()
  }
  const all = () => Object.values(spent).reduce((a, b) => a + b, 0)

  it('is spent, and no more of it, by whatever there is to do', async () => {
    backlog('prefetch')
    await clock.advance(20_000)
    // a second of it at first, and what was under way at last
    assert.ok(all() >= 20_000 && all() <= 21_000 + 200, `${all()} bytes`)
  })

  it('tells what it grants, what is held and what waits', async () => {
    const { cpus: threads, bytesInFlight, bytesPerSecond } = LIMITS
    const granted = { threads, bytesInFlight, bytesPerSecond }
    assert.deepEqual(budget.view(), { ...granted, heldBytes: 0, waiting: 0 })
    const gate = Promise.withResolvers<void>()
    const hold = (bytes: number) => budget.within('fresh', bytes, stop.signal, () => gate.promise)
    tasks.push(hold(700), hold(300))
    await clock.advance(1_000)
    assert.deepEqual(budget.view(), { ...granted, heldBytes: 700, waiting: 1 })
    gate.resolve()
    await clock.advance(1_000)
    assert.deepEqual(budget.view(), { ...granted, heldBytes: 0, waiting: 0 })
  })

  it('goes to the most urgent, but for the floors of the others', async () => {
    for (const urgency of URGENCIES) backlog(urgency)
    await clock.advance(60_000)
    for (const urgency of ['handoff', 'scrub', 'prefetch'] as const)
      assert.ok(Math.abs(spent[urgency] - 60_000 / 16) < 400, `${urgency} ${spent[urgency]}`)
    assert.ok(spent.fresh > 60_000 * (13 / 16) - 400, `fresh ${spent.fresh}`)
  })

  it('is left to readers and writers, but for the floors, and there again when they are gone', async () => {
    for (const urgency of URGENCIES) backlog(urgency)
    readers(100)
    await clock.advance(1_000)
    const before = { ...spent }
    await clock.advance(60_000)
    for (const urgency of URGENCIES)
      assert.ok(
        Math.abs(spent[urgency] - before[urgency] - 60_000 / 16) < 200,
        `${urgency} ${spent[urgency]}`,
      )
  })

  it('is had again a second after readers that took a lot at once', async () => {
    for (let i = 0; i < 1_000; i++) budget.foreground(10_000)
    backlog('fresh')
    await clock.advance(11_000)
    assert.ok(spent.fresh >= 10_000, `${spent.fresh} bytes`)
  })

  it('is taken by what clients read and write, and by nothing that is read for others', async () => {
    const moved: number[] = []
    const slivers = goingFirst(memorySliverStore(10), {
      foreground: bytes => moved.push(bytes),
      serving: () => () => {},
    })
    const blobId = Buffer.alloc(32, 1).toString('base64url') as BlobId
    const ref = { pair: 3 as SliverPairIndex, axis: 'primary' } as const
    await slivers.put(blobId, ref, new Uint8Array(40))
    assert.equal((await slivers.get(blobId, ref))!.length, 40)
    assert.deepEqual(moved, [40])
    const opened = await slivers.open(blobId, ref)
    assert.equal(opened!.length, 40)
    assert.deepEqual(moved, [40, 40])
  })

  it('counts the time of the codec', async () => {
    const codec = { verify: async (ms: number) => clock.sleep(ms), now: () => 7 }
    await budget.within('fresh', 0, never, async grant => {
      const metered = grant.timing(codec)
      assert.equal(metered.now(), 7)
      const verified = metered.verify(6_000)
      await clock.advance(6_000)
      await verified
    })
    // 3 s of two cores, one of which was left
    const began: number[] = []
    const again = async () => {
      for (let i = 0; i < 2; i++)
        await budget.within('fresh', 0, never, async grant => {
          began.push(clock.monotonic())
          grant.spent({ bytes: 1_000 })
        })
    }
    await clock.advanceUntil(again(), 100)
    // the first by floor
    assert.deepEqual(began, [6_000, 6_000 + 3_000])
  })

  it('lets what is large have its turn, alone but for what is reserved for others', async () => {
    const order: string[] = []
    const hold = (urgency: Urgency, bytes: number, ms: number, name: string) =>
      budget.within(urgency, bytes, never, async () => {
        order.push(`${name} begins`)
        await clock.sleep(ms)
        order.push(`${name} ends`)
      })
    const over = Promise.all([
      hold('handoff', 300, 100, 'first'),
      hold('handoff', 5_000, 100, 'large'),
      hold('handoff', 300, 100, 'small'),
      hold('scrub', 100, 50, 'reserved'),
    ])
    await clock.advanceUntil(over, 10)
    assert.deepEqual(order, [
      'first begins',
      'reserved begins',
      'reserved ends',
      'first ends',
      'large begins',
      'large ends',
      'small begins',
      'small ends',
    ])
  })

  it('lets what is large have its turn, however much else there is that is more urgent', async () => {
    backlog('fresh', 150, 400)
    await clock.advance(1_000)
    const large = budget.within('prefetch', 5_000, never, async () => undefined)
    await clock.advanceUntil(large, 100)
    assert.ok(clock.monotonic() < 3_000, `${clock.monotonic()} ms`)
  })

  it('takes what is held for spent until it is known to be less', async () => {
    let ends = 0
    const looks = async () => {
      for (let i = 0; i < 100; i++)
        await budget.within('scrub', 800, never, async () => {
          await clock.sleep(1)
          ends++
        })
    }
    await clock.advanceUntil(looks(), 1)
    assert.ok(clock.monotonic() < 200, `${clock.monotonic()} ms`)
    assert.equal(ends, 100)
  })

  it('frees what an aborted one waited for, and fails as the work does', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const first = budget.within('scrub', 5_000, never, () => promise)
    const gone = new AbortController()
    const waits = budget.within('handoff', 5_000, gone.signal, async () => assert.fail('it was aborted'))
    const next = budget.within('prefetch', 400, never, async () => 'next')
    gone.abort(new Error('gone'))
    await assert.rejects(waits, /gone/)
    resolve()
    await first
    assert.equal(await next, 'next')
    await assert.rejects(
      budget.within('fresh', 1, never, async () => {
        throw new Error('the disk is full')
      }),
      /full/,
    )
  })

  it('is never exceeded, and starves nothing, whatever comes', async () => {
    const job = fc.record({
      atMs: fc.integer({ min: 0, max: 5_000 }),
      urgency: fc.constantFrom(...URGENCIES),
      bytes: fc.integer({ min: 0, max: 1_000 }),
      tookMs: fc.integer({ min: 0, max: 500 }),
      gone: fc.boolean(),
    })
    const reads = fc.array(fc.record({ atMs: fc.integer({ min: 0, max: 5_000 }), bytes: fc.nat(5_000) }))
    await fc.assert(
      fc.asyncProperty(fc.array(job, { maxLength: 40 }), reads, async (jobs, readings) => {
        const time = new VirtualClock()
        const one = createBudget(LIMITS, time)
        let held = 0
        let most = 0
        let ended = 0
        for (const { atMs, bytes } of readings) time.after(atMs, () => one.foreground(bytes))
        const done = jobs.map(async ({ atMs, urgency, bytes, tookMs, gone }) => {
          await time.sleep(atMs)
          const giveUp = new AbortController()
          if (gone) time.after(200, () => giveUp.abort(new Error('gone')))
          const work = one.within(urgency, bytes, giveUp.signal, async grant => {
            held += bytes
            most = Math.max(most, held)
            await time.sleep(tookMs)
            grant.spent({ bytes })
            held -= bytes
          })
          await (gone ? work.catch(() => undefined) : work)
          ended++
        })
        // what all of it costs, at the floor of a kind alone
        const allMs = 5_000 + jobs.reduce((sum, { bytes, tookMs }) => sum + bytes * 16 + tookMs, 0)
        await time.advance(allMs + 5_000)
        assert.equal(ended, jobs.length)
        await Promise.all(done)
        assert.equal(time.waiting, 0)
        assert.equal(held, 0)
        const largest = Math.max(0, ...jobs.map(({ bytes }) => bytes))
        assert.ok(
          most <= Math.max(LIMITS.bytesInFlight, largest + 3 * LIMITS.reservedBytes),
          `${most} bytes held`,
        )
      }),
      { numRuns: 60 },
    )
  })
})
