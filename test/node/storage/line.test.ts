import assert from 'node:assert/strict'
import { silentLog } from '../../../base/log.ts'
import { createMetrics } from '../../../node/metrics.ts'
import { openLine } from '../../../node/storage/line.ts'
import { createNodeRecords } from '../../../node/storage/store/node-records.ts'
import { memoryRecords } from '../../support/memory-records.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

describe("a node's line", () => {
  let clock: VirtualClock
  let records: ReturnType<typeof createNodeRecords>
  let metrics: ReturnType<typeof createMetrics>
  beforeEach(() => {
    clock = new VirtualClock(Date.UTC(2026, 10, 15))
    records = createNodeRecords(memoryRecords())
    metrics = createMetrics({ version: 'test' })
  })
  const open = (limits = {}, own = records) =>
    openLine({ records: own, metrics: metrics.node('one'), clock, log: silentLog() }, limits)

  it('keeps the bytes of the month through a restart', async () => {
    const first = await open()
    first.bandwidth.of('a').move('up', 700)
    await first.close()
    const second = await open({ bytesPerMonth: 1_000 })
    assert.deepEqual(second.bandwidth.month(), { month: '2026-11', bytes: 700 })
    second.bandwidth.of('a').move('down', 300)
    assert.throws(() => second.bandwidth.begin({ peer: 'a' }, 'up'), { code: 'OVER_CAP' })
    await second.close()
    assert.equal(clock.waiting, 0)
  })

  it('keeps them every minute, so that a crash forgets no more, and writes nothing when nothing moved', async () => {
    let commits = 0
    const counting: typeof records = {
      ...records,
      async commit(...args) {
        commits++
        await records.commit(...args)
      },
    }
    const line = await open({}, counting)
    line.bandwidth.of('a').move('up', 700)
    await clock.advance(60_000)
    assert.deepEqual(await records.month(), { month: '2026-11', bytes: 700 })
    await clock.advance(600_000)
    await line.close()
    assert.equal(commits, 1)
  })

  it('goes on when the disk takes nothing, and tries again', async () => {
    let isFull = true
    const full: typeof records = {
      ...records,
      async commit(...args) {
        if (isFull) throw new Error('no space')
        await records.commit(...args)
      },
    }
    const line = await open({}, full)
    line.bandwidth.of('a').move('up', 700)
    await clock.advance(60_000)
    assert.equal(await records.month(), undefined)
    isFull = false
    await clock.advance(60_000)
    assert.equal((await records.month())?.bytes, 700)
    await line.close()
  })

  it('is shown in the metrics while it is open', async () => {
    const line = await open({ upBytesPerSecond: 5_000_000, bytesPerMonth: 9_000_000 })
    line.bandwidth.of('a').move('up', 700)
    const text = await metrics.text()
    for (const shown of [
      'floe_line_bytes{node="one",direction="up"} 700',
      'floe_line_bytes{node="one",direction="down"} 0',
      'floe_line_waiting{node="one",direction="up"} 0',
      'floe_line_limit_bytes_per_second{node="one",direction="up"} 5000000',
      'floe_month_bytes{node="one"} 700',
      'floe_month_limit_bytes{node="one"} 9000000',
    ])
      assert.ok(text.includes(`${shown}\n`), shown)
    assert.ok(!text.includes('floe_line_limit_bytes_per_second{node="one",direction="down"}'))
    await line.close()
    assert.ok(!(await metrics.text()).includes('node="one"'))
  })
})
