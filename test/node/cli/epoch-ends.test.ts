import assert from 'node:assert/strict'
import { beginsAtMs } from '../../../chain/index.ts'
import type { EpochTiming } from '../../../chain/types/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { beginsIn } from '../../../node/cli/epoch-ends.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

describe('when an epoch begins', () => {
  const nowMs = 1_700_000_000_000
  const timing = (changeDueMs?: number): EpochTiming => ({
    epoch: 5 as Epoch,
    state: changeDueMs === undefined ? { kind: 'sync', weight: 0 } : { kind: 'done', sinceMs: nowMs - HOUR },
    nowMs,
    durationMs: DAY,
    changeDueMs,
  })
  const cases: [EpochTiming, number, number, string][] = [
    [timing(nowMs + 5 * HOUR), 6, 5 * HOUR, 'in about 5 h'],
    [timing(nowMs + 5 * HOUR), 8, 2 * DAY + 5 * HOUR, 'in about 2.2 days'],
    [timing(nowMs - HOUR), 6, -HOUR, 'due now'],
    // shards are moving: it has a day from the end of that on
    [timing(), 6, DAY, 'in about 1 day'],
    [timing(), 7, 2 * DAY, 'in about 2 days'],
  ]
  for (const [given, coming, afterMs, text] of cases) {
    it(`${text}: epoch ${coming} ${given.state.kind === 'sync' ? 'while shards move' : 'once they have'}`, () => {
      assert.equal(beginsAtMs(given, coming as Epoch) - nowMs, afterMs)
      assert.equal(beginsIn(given, coming as Epoch), text)
    })
  }
})
