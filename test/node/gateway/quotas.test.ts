import assert from 'node:assert/strict'
import { createRecords } from '../../../base/records.ts'
import { Quotas } from '../../../node/gateway/quotas.ts'

const DAY_MS = 24 * 3_600_000

describe('gateway: quotas', () => {
  let nowMs = DAY_MS - 1
  const now = () => nowMs
  const clock = { now } as ConstructorParameters<typeof Quotas>[2]
  const who = ['address 127.0.0.1', 'subject me']
  const start = (limit: number) => {
    nowMs = DAY_MS - 1
    const records = createRecords({ limit, clock })
    return { records, quotas: new Quotas({ uploads: 2, bytes: 100 }, records, clock) }
  }

  it('are given back on the day on which they were taken', async () => {
    const { quotas } = start(10)
    const yesterday = await quotas.take(who, 10)
    nowMs = DAY_MS
    await quotas.giveBack(yesterday)
    await quotas.take(who, 10)
    await quotas.giveBack(yesterday)
    await quotas.take(who, 10)
    await assert.rejects(quotas.take(who, 10), { code: 'QUOTA_EXCEEDED' })
  })

  it('of whom nothing was stored take no place', async () => {
    const { quotas, records } = start(2)
    for (let i = 0; i < 5; i++) await quotas.giveBack(await quotas.take([`address ${i}`], 10))
    await quotas.take(['address 9'], 10)
    await records.add('another', '', 2 * DAY_MS)
  })
})
