import assert from 'node:assert/strict'
import type { Committees } from '../../../../chain/types/index.ts'
import type { BlobId, BlobMetadata, Epoch, ObjectId, ShardIndex } from '../../../../codec/types.ts'
import { createBlobLock } from '../../../../node/storage/blob-lock.ts'
import { createMissing } from '../../../../node/storage/recovery/missing.ts'
import { createRecovery, type Patient, type Recovery } from '../../../../node/storage/recovery/recovery.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import { indexingMissing } from '../../../../node/storage/store/missing-index.ts'
import { createNodeRecords, type MissingReason } from '../../../../node/storage/store/node-records.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'
import { memoryRecords } from '../../../support/memory-records.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const MIB = 1024 * 1024
const committees = { epoch: 1 as Epoch } as Committees
const idOf = (at: number) => Buffer.alloc(32, at).toString('base64url') as BlobId

describe('when what is missing is got', () => {
  let clock: VirtualClock
  let lock: ReturnType<typeof createBlobLock>
  let records: ReturnType<typeof createNodeRecords>
  let recovery: Recovery
  let healed: { at: number; seconds: number; urgency: string }[]
  let heal: (patients: readonly Patient[], signal: AbortSignal) => Promise<void>
  let missing: ReturnType<typeof createMissing>
  const store = memorySliverStore(100)
  const numbers = new Map(Array.from({ length: 20 }, (_, at) => [idOf(at), at]))
  /** bytes of each blob */
  let sizes: Map<BlobId, number>

  const make = () => {
    recovery = createRecovery({
      nShards: 100,
      committees: { get: async () => committees },
      records,
      blobs: {
        get: async () => ({
          registrations: [
            { objectId: '0x1' as ObjectId, deletable: false, certified: true, endEpoch: 9 as Epoch },
          ],
          initialCertifiedEpoch: 1 as Epoch,
        }),
      },
      lock,
      slivers: store,
      metadata: {
        get: async blobId =>
          ({ blobId, nShards: 100, unencodedLength: sizes.get(blobId) ?? 100 }) as BlobMetadata,
      },
      missing,
      findMetadata: async () => undefined,
      cures: [
        {
          async heal(patients, _, signal) {
            for (const { blobId, urgency } of patients)
              healed.push({ at: numbers.get(blobId)!, seconds: clock.monotonic() / 1_000, urgency })
            await heal(patients, signal)
          },
        },
      ],
      onHealed: () => undefined,
      clock,
      random: () => 0.5,
      log: quietLog,
    })
    recovery.start()
  }
  const lose = async (at: number, reason: MissingReason) => {
    if (reason === 'tail') await records.commit(await missing.certified(idOf(at)))
    else await missing.look(idOf(at), reason)
    recovery?.wake()
  }
  const firstOf = (at: number) => healed.find(one => one.at === at)

  beforeEach(() => {
    clock = new VirtualClock(1_000_000)
    lock = createBlobLock()
    records = createNodeRecords(indexingMissing(memoryRecords()))
    missing = createMissing({
      nShards: 100,
      slivers: store,
      records,
      shards: () => new Map([[0 as ShardIndex, { state: 'active', epoch: 1 as Epoch }]]),
      now: () => clock.now(),
    })
    healed = []
    sizes = new Map()
    heal = async () => undefined
    make()
  })
  afterEach(async () => {
    await recovery.stop()
    assert.equal(clock.waiting, 0)
  })

  it('is at once for shards that are new, what is damaged, and what is not known why', async () => {
    await lose(1, 'handoff')
    await lose(2, 'damaged')
    await lose(3, 'unknown')
    await clock.advance(1_500)
    assert.deepEqual([1, 2, 3].map(at => firstOf(at)?.urgency).sort(), ['handoff', 'handoff', 'scrub'])
  })

  it('is after 15 s for what an upload may bring yet, and 60 s for what is large', async () => {
    sizes.set(idOf(2), 65 * MIB)
    await lose(1, 'tail')
    await lose(2, 'tail')
    await clock.advance(14_900)
    assert.deepEqual(healed, [])
    await clock.advance(45_000)
    assert.ok(firstOf(1)!.seconds <= 16.5)
    assert.equal(firstOf(2), undefined)
    await clock.advance(2_000)
    assert.ok(firstOf(2)!.seconds >= 60)
    assert.equal(firstOf(2)!.urgency, 'fresh')
  })

  it('is not while an upload of it is open, and soon after the last one is over', async () => {
    const leave = [await lock.enter(idOf(1)), await lock.enter(idOf(1))]
    await lose(1, 'tail')
    await clock.advance(120_000)
    leave[0]!()
    await clock.advance(30_000)
    assert.deepEqual(healed, [])
    leave[1]!()
    await clock.advance(2_000)
    assert.ok(firstOf(1) !== undefined)
  })

  it('is at once after a restart, where its tail was waited for before', async () => {
    await lose(1, 'tail')
    await clock.advance(10_000)
    await recovery.stop()
    await clock.advance(6_000)
    make()
    await clock.advance(100)
    assert.ok(firstOf(1) !== undefined)
  })

  it('is not put off by a clock that was ahead, and is put right while the node runs or before it starts', async () => {
    const now = clock.now.bind(clock)
    const HOUR_MS = 3_600_000
    for (const restarts of [false, true]) {
      const at = restarts ? 2 : 1
      clock.now = () => now() + HOUR_MS
      await clock.advance(1_000)
      recovery.wake()
      await clock.advance(1_000)
      await lose(at, 'tail')
      await clock.advance(1_000)
      if (restarts) await recovery.stop()
      clock.now = now
      if (restarts) make()
      await clock.advance(60_000)
      assert.ok(firstOf(at) !== undefined, restarts ? 'after a restart' : 'while it runs')
    }
  })

  it('is later and later for what fails, which holds up nothing else', async () => {
    // larger than any blob: nothing of it can be
    sizes.set(idOf(1), 20_000 * MIB)
    await lose(1, 'handoff')
    await lose(2, 'handoff')
    await clock.advance(1_500)
    assert.deepEqual([...new Set(healed.map(({ at }) => at))], [2])
    heal = async () => {
      throw new Error('it cannot be cured')
    }
    await clock.advance(60_000)
    assert.ok(healed.length > 3 && healed.length < 12, `${healed.length} times`)
    for (const at of [1, 2]) assert.ok((await records.missingOf(idOf(at)))!.attempts > 3)
  })

  it('is at no later time for want of room, which is nothing that the blobs have', async () => {
    heal = async () => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    }
    await lose(1, 'handoff')
    await clock.advance(600_000)
    assert.ok(healed.length > 1)
    assert.equal((await records.missingOf(idOf(1)))!.attempts, 0)
  })

  it('does not wait for what is less urgent', async () => {
    const { promise: never, resolve } = Promise.withResolvers<void>()
    heal = async ([patient]) => (patient!.urgency === 'fresh' ? undefined : await never)
    for (const at of [1, 2, 3]) await lose(at, 'handoff')
    await lose(4, 'damaged')
    await clock.advance(2_000)
    await lose(5, 'tail')
    await clock.advance(17_000)
    assert.equal(firstOf(5)?.urgency, 'fresh')
    assert.equal(firstOf(4)?.urgency, 'scrub')
    resolve()
  })
})
