import assert from 'node:assert/strict'
import { Clock } from '../../../base/clock.ts'
import type { Timers } from '../../../base/timers.ts'
import { loadBuild } from '../../../chain/compiled.ts'
import { startLocalnet } from '../../../chain/localnet/index.ts'
import { SYSTEM } from '../../../chain/localnet/ledger/address.ts'
import type { Ledger } from '../../../chain/localnet/ledger/ledger.ts'
import type { MoveObject } from '../../../chain/localnet/ledger/object.ts'
import { openLedger } from '../../../chain/localnet/ledger/open.ts'
import type { KeyValueStore } from '../../../chain/localnet/ledger/store/key-value.ts'
import { memoryStore } from '../../../chain/localnet/ledger/store/memory.ts'
import { shownMs } from '../../../chain/localnet/ledger/system-objects.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const START_MS = 1_700_000_000_000
const HOUR_MS = 3_600_000
const WEEK_MS = 7 * 24 * HOUR_MS

describe("chain/localnet: the chain's time", function () {
  this.timeout(60_000)
  const framework = loadBuild('framework').modules
  let store: KeyValueStore
  const open = (clock: Clock): Promise<Ledger> => openLedger({ store, framework, clock })
  const shown = (ledger: Ledger): number => Number(shownMs(ledger.objects.get(SYSTEM.clock) as MoveObject))

  beforeEach(() => {
    // as a disk, which outlives the ledger
    store = { ...memoryStore(), close: async () => undefined }
  })

  it('stands still while the localnet is stopped, and then goes on', async () => {
    const clock = new VirtualClock(START_MS)
    const first = await open(clock)
    assert.equal(Number(first.timestampMs), START_MS)
    await clock.advance(HOUR_MS)
    assert.equal(Number(first.timestampMs), START_MS + HOUR_MS)
    await first.close()

    const later = new VirtualClock(START_MS + WEEK_MS)
    const second = await open(later)
    assert.equal(Number(second.timestampMs), START_MS + HOUR_MS)
    await later.advance(5_000)
    assert.equal(Number(second.timestampMs), START_MS + HOUR_MS + 5_000)
    await second.object(SYSTEM.clock)
    assert.equal(shown(second), START_MS + HOUR_MS + 5_000)
    await second.close()
  })

  it('keeps how far it was advanced, for the chain alone', async () => {
    const clock = new VirtualClock(START_MS)
    const first = await open(clock)
    assert.equal(Number(await first.advanceClock(WEEK_MS)), START_MS + WEEK_MS)
    assert.equal(clock.now(), START_MS)
    // killed: nothing more is written
    const second = await open(new VirtualClock(START_MS + 3 * WEEK_MS))
    assert.equal(Number(second.timestampMs), START_MS + WEEK_MS)
  })

  it('goes on after a kill from where it was last seen', async () => {
    const clock = new VirtualClock(START_MS)
    const first = await open(clock)
    await clock.advance(HOUR_MS)
    await first.object(SYSTEM.clock)
    await clock.advance(1_000)
    const second = await open(new VirtualClock(START_MS + WEEK_MS))
    assert.equal(Number(second.timestampMs), START_MS + HOUR_MS)
  })

  it("does not follow the machine's date when that is set", async () => {
    let dateMs = START_MS
    let monotonicMs = 0
    const timers: Timers = {
      now: () => dateMs,
      monotonic: () => monotonicMs,
      after: () => ({ stop: () => undefined }),
    }
    const ledger = await open(new Clock(timers))
    monotonicMs = 10.5
    for (const ms of [START_MS + WEEK_MS, START_MS - WEEK_MS]) {
      dateMs = ms
      assert.equal(Number(ledger.timestampMs), START_MS + 11)
    }
    await ledger.close()
    const again = await open(new Clock(timers))
    assert.equal(Number(again.timestampMs), START_MS + 11)
  })

  it('is the same chain again with the same time and the same chances', async () => {
    const chainIdWith = async (random?: () => number) => {
      await using localnet = await startLocalnet({ clock: new VirtualClock(START_MS), random })
      return localnet.chainId
    }
    assert.equal(await chainIdWith(() => 0.5), await chainIdWith(() => 0.5))
    assert.notEqual(await chainIdWith(() => 0.25), await chainIdWith(() => 0.5))
    assert.notEqual(await chainIdWith(), await chainIdWith())
  })
})
