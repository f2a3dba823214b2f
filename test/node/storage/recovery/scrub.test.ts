import assert from 'node:assert/strict'
import type { Epoch } from '../../../../codec/types.ts'
import { createBudget, upkeepLimits } from '../../../../node/storage/budget.ts'
import { createScrub, type Scrub } from '../../../../node/storage/recovery/scrub.ts'
import { createNodeRecords, type NodeRecords } from '../../../../node/storage/store/node-records.ts'
import type { ScrubbedFile, ScrubOptions } from '../../../../node/storage/store/shard-slivers.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'
import { memoryRecords } from '../../../support/memory-records.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const MIB = 1024 * 1024
const RATE = 4 * MIB
const FILES = ['a', 'b', 'c', 'd', 'e', 'f']

describe('the look at all slivers, once an epoch', () => {
  let clock: VirtualClock
  let records: NodeRecords
  let epoch: Epoch
  /** of each file: slivers of these sizes */
  let sizes: number[]
  let looked: string[]
  let untold: ReadonlySet<string>
  let bad: ReadonlySet<string>
  let counted: { slivers: number; bytes: number; bad: number }
  let scrub: Scrub
  let fails: (() => void) | undefined

  async function* look(
    files: readonly string[],
    { pace, signal }: ScrubOptions,
  ): AsyncIterable<ScrubbedFile> {
    for (const file of files) {
      fails?.()
      for (const size of sizes) await pace(size)
      signal.throwIfAborted()
      looked.push(file)
      const bytes = sizes.reduce((a, b) => a + b, 0)
      yield { file, slivers: sizes.length, bytes, bad: Number(bad.has(file)), untold: untold.has(file) }
    }
  }
  const make = () => {
    scrub = createScrub({
      slivers: {
        scrub: options =>
          look(
            FILES.filter(file => file > (options.after ?? '')),
            options,
          ),
        scrubUntold: (files, options) =>
          look(
            [...files].map(file => `${file} again`),
            options,
          ),
      },
      records,
      epoch: () => epoch,
      budget: createBudget(upkeepLimits(2), clock),
      bytesPerSecond: RATE,
      scrubbed: (slivers, bytes, bad) => {
        counted.slivers += slivers
        counted.bytes += bytes
        counted.bad += bad
      },
      clock,
      log: quietLog,
    })
    scrub.start()
  }

  beforeEach(() => {
    clock = new VirtualClock()
    records = createNodeRecords(memoryRecords())
    epoch = 3 as Epoch
    sizes = [2 * MIB, 2 * MIB]
    looked = []
    untold = new Set()
    bad = new Set()
    counted = { slivers: 0, bytes: 0, bad: 0 }
    fails = undefined
    make()
  })
  afterEach(() => scrub.stop())

  it('takes no more bytes a second than it may, and counts what it finds', async () => {
    bad = new Set(['b', 'd'])
    for (let seconds = 0; seconds <= 6; seconds++) {
      await clock.advance(seconds === 0 ? 10 : 1_000)
      // a second's worth is there at the beginning
      const most = (seconds + 2) * RATE
      assert.ok(counted.bytes <= most, `${counted.bytes} of ${most} bytes after ${seconds} s`)
    }
    assert.deepEqual(looked, FILES)
    assert.deepEqual(counted, { slivers: 12, bytes: 24 * MIB, bad: 2 })
    assert.deepEqual(scrub.view(), { epoch: 3, over: true, checked: 12, bad: 2 })
  })

  it('counts a small sliver as more than it is, since each costs a read', async () => {
    sizes = Array(64).fill(10)
    await clock.advance(10)
    assert.ok(looked.length <= 2, looked.join())
    await clock.advance(10_000)
    assert.deepEqual(looked, FILES)
  })

  it('rests until the next epoch, and is not begun before the first', async () => {
    await clock.advance(20_000)
    scrub.onEvent({ type: 'EpochChangeStart' })
    await clock.advance(3_600_000)
    assert.equal(looked.length, 6)
    epoch = 4 as Epoch
    scrub.onEvent({ type: 'EpochChangeStart' })
    scrub.onEvent({ type: 'EpochChangeDone' })
    await clock.advance(20_000)
    assert.equal(looked.length, 12)
    await scrub.stop()
    // nor anew by a start
    make()
    await clock.advance(20_000)
    assert.equal(looked.length, 12)
    records = createNodeRecords(memoryRecords())
    await scrub.stop()
    epoch = 0 as Epoch
    make()
    await clock.advance(20_000)
    assert.equal(looked.length, 12)
    assert.deepEqual(scrub.view(), { epoch: 0, over: true, checked: 0, bad: 0 })
  })

  it('rests while shards change hands, also in the middle of a round, though not for ever', async () => {
    await clock.advance(10)
    const before = looked.length
    assert.ok(before < 6, looked.join())
    epoch = 4 as Epoch
    scrub.onEvent({ type: 'EpochChangeStart' })
    await clock.advance(50_000)
    assert.ok(looked.length <= before + 1, looked.join())
    scrub.onEvent({ type: 'EpochChangeDone' })
    await clock.advance(20_000)
    assert.equal(looked.length, 12)
    epoch = 5 as Epoch
    scrub.onEvent({ type: 'EpochChangeStart' })
    await clock.advance(59_000)
    assert.equal(looked.length, 12)
    // a change that nobody ends
    await clock.advance(20_000)
    assert.equal(looked.length, 18)
  })

  it('goes on where it was after a stop, and looks at little twice', async () => {
    sizes = [40 * MIB]
    await clock.advance(45_000)
    const before = looked.length
    assert.ok(before >= 3 && before <= 5, looked.join())
    await scrub.stop()
    make()
    await clock.advance(120_000)
    assert.deepEqual([...new Set(looked)], FILES)
    assert.ok(looked.length <= 7, looked.join())
    assert.equal(scrub.view().over, true)
  })

  it('that is cut short by an epoch goes on, and the next one follows', async () => {
    sizes = [40 * MIB]
    await clock.advance(25_000)
    epoch = 4 as Epoch
    scrub.onEvent({ type: 'EpochChangeStart' })
    await clock.advance(600_000)
    assert.deepEqual(looked, [...FILES, ...FILES])
    assert.equal(scrub.view().epoch, 4)
  })

  it('goes on after a failure', async () => {
    let failures = 1
    fails = () => {
      if (looked.length === 2 && failures-- > 0) throw new Error('the disk hangs')
    }
    await clock.advance(20_000)
    assert.deepEqual(looked, ['a', 'b'])
    await clock.advance(120_000)
    assert.deepEqual([...new Set(looked)], FILES)
    assert.equal(scrub.view().over, true)
  })

  it('looks last at files that do not tell what is in them, also after a stop', async () => {
    untold = new Set(['b', 'e'])
    sizes = [40 * MIB]
    await clock.advance(62_000)
    assert.equal(looked.at(-1), 'f')
    await scrub.stop()
    make()
    await clock.advance(120_000)
    assert.deepEqual(looked.slice(-2), ['b again', 'e again'])
    assert.equal(scrub.view().over, true)
  })
})
