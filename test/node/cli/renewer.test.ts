import assert from 'node:assert/strict'
import { createRecords } from '../../../base/records.ts'
import { ChainError } from '../../../chain/errors.ts'
import type { BlobObject, EpochTiming, ExtendOptions, SystemInfo } from '../../../chain/types/index.ts'
import { parseBlobId, parseObjectId } from '../../../codec/index.ts'
import type { Epoch, ObjectId } from '../../../codec/types.ts'
import { chainFailure } from '../../../node/cli/chain-failure.ts'
import { Budget } from '../../../node/cli/watch/budget.ts'
import { Renewer } from '../../../node/cli/watch/renewer.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const PRICE = 10n
const DAY = 86_400_000
const a = parseObjectId('0xa')
const b = parseObjectId('0xb')

/** A chain with some blobs of one unit each, and what was paid there. */
function network(ends: Partial<Record<ObjectId, number>>) {
  const blobs = new Map<ObjectId, BlobObject>()
  for (const [id, endEpoch] of Object.entries(ends)) {
    const storage = { storageSize: 1n, endEpoch }
    blobs.set(id as ObjectId, { objectId: id, blobId: parseBlobId('A'.repeat(43)), storage } as BlobObject)
  }
  const state = { epoch: 5, price: PRICE, paid: 0n, leftMs: DAY / 2 }
  /** what becomes of the next payment */
  let fate: 'refused' | 'silent before' | 'silent after' | undefined
  const silent = () => new ChainError('RPC_UNAVAILABLE', 'no Sui RPC answers', { urls: [], attempts: 1 })
  return {
    state,
    blobs,
    next: (what: typeof fate) => {
      fate = what
    },
    chain: {
      system: async () =>
        ({ epoch: state.epoch, maxEpochsAhead: 20, storagePriceFrost: PRICE }) as unknown as SystemInfo,
      epochTiming: async () =>
        ({
          epoch: state.epoch,
          nowMs: 0,
          durationMs: DAY,
          changeDueMs: state.leftMs,
        }) as unknown as EpochTiming,
    },
    find: async (id: ObjectId) => structuredClone(blobs.get(id)),
    writer: {
      async extend(id: ObjectId, epochs: number, { maxCostFrost = 0n }: ExtendOptions = {}) {
        const [now, blob] = [fate, blobs.get(id)!]
        fate = undefined
        const costFrost = state.price * BigInt(epochs)
        if (costFrost > maxCostFrost)
          throw new ChainError('COST_ABOVE_LIMIT', 'it costs more', { costFrost, limitFrost: maxCostFrost })
        if (now === 'silent before') throw silent()
        if (now === 'refused')
          throw new ChainError('TRANSACTION_REJECTED', 'refused', { reason: 'x' } as never)
        state.paid += costFrost
        blob.storage.endEpoch = (blob.storage.endEpoch + epochs) as Epoch
        if (now === 'silent after') throw silent()
        return { digest: 'digest', costFrost, blob }
      },
    },
  }
}

describe('blobs that are renewed', () => {
  const { signal } = new AbortController()

  /** A watch as one process runs it; another one with the same records goes on where it was. */
  async function watch(
    of: ReturnType<typeof network>,
    ids: ObjectId[],
    limitFrost: bigint,
    {
      epochs = 2,
      ahead = 1,
      clock = new VirtualClock(),
      kept = memory(clock),
      expectAlone = async () => {},
      until = signal,
    } = {},
  ) {
    const budget = await Budget.open({ records: kept, key: 'k', limitFrost, clock })
    const told: string[] = []
    const renewer = new Renewer(
      {
        chain: of.chain,
        find: of.find,
        writer: of.writer,
        budget,
        clock,
        epochs,
        ahead,
        expectAlone,
        explain: chainFailure,
        onRenewed: async ({ objectId, endEpoch }) => void told.push(`${objectId} until ${endEpoch}`),
        onFailure: ({ code }, objectId, isOver) => void told.push(`${code} ${objectId} ${isOver}`),
      },
      ids,
    )
    const round = async () => {
      const looking = renewer.round(until)
      await clock.advanceUntil(looking, 1_000)
      return await looking
    }
    return { renewer, budget, told, clock, kept, round }
  }
  const memory = (clock: VirtualClock) => createRecords({ limit: 10, clock })

  it('are paid for in their last epoch, and not before', async () => {
    const of = network({ [a]: 7, [b]: 6 })
    const { round, told, budget, renewer } = await watch(of, [a, b], 1_000n)
    assert.equal(await round(), 600_000)
    assert.deepEqual(told, [`${b} until 8`])
    await round()
    assert.equal(told.length, 1)
    of.state.epoch = 6
    of.state.leftMs = 5_000
    assert.equal(await round(), 6_000, 'soon after the epoch has changed')
    assert.deepEqual(told.slice(1), [`${a} until 9`])
    assert.deepEqual([budget.spentFrost, of.state.paid, renewer.watched], [40n, 40n, 2])
  })

  it('are paid for as far as the budget goes, and no further', async () => {
    const of = network({ [a]: 6, [b]: 6 })
    const { round, told, renewer } = await watch(of, [a, b], 35n)
    await round()
    assert.deepEqual(told, [`${a} until 8`, `${b} until 7`])
    of.state.epoch = 6
    await round()
    assert.deepEqual(told.slice(2), [`INSUFFICIENT_FUNDS ${b} true`])
    of.state.epoch = 7
    await round()
    assert.deepEqual([told.at(-1), renewer.watched], [`INSUFFICIENT_FUNDS ${a} true`, 0])
    assert.equal(of.state.paid, 30n)
  })

  it('cost no more than was set aside, whatever the price is by then', async () => {
    const of = network({ [a]: 6 })
    const { round, told, budget } = await watch(of, [a], 100n)
    of.state.price = 60n
    assert.equal(await round(), 60_000)
    assert.deepEqual([told, of.state.paid, budget.spentFrost], [[`INSUFFICIENT_FUNDS ${a} false`], 0n, 0n])
    await round()
    assert.equal(told.length, 1, 'the same is told once')
    of.state.price = PRICE
    await round()
    assert.deepEqual([told.at(-1), budget.spentFrost], [`${a} until 8`, 20n])
  })

  it('wait for no outcome where nothing was sent', async () => {
    const of = network({ [a]: 6 })
    const { renewer, budget, clock, told } = await watch(of, [a], 100n)
    of.state.price = 60n
    let pauseMs: number | undefined
    const looking = renewer.round(signal).then(ms => {
      pauseMs = ms
    })
    await clock.advance(0)
    assert.deepEqual([pauseMs, told.length, budget.reserved, budget.spentFrost], [60_000, 1, undefined, 0n])
    await looking
  })

  it('are counted when no answer came, if they were paid for', async () => {
    for (const [fate, paid] of [
      ['silent after', 20n],
      ['silent before', 0n],
      ['refused', 0n],
    ] as const) {
      const of = network({ [a]: 6 })
      const { round, budget } = await watch(of, [a], 100n)
      of.next(fate)
      await round()
      assert.deepEqual([of.state.paid, budget.spentFrost, budget.reserved], [paid, paid, undefined], fate)
      await round()
      assert.deepEqual([of.state.paid, budget.spentFrost], [20n, 20n], fate)
    }
  })

  it('are not paid for twice after a crash, before or after the payment', async () => {
    for (const isPaid of [true, false]) {
      const of = network({ [a]: 6 })
      const first = await watch(of, [a], 20n)
      await first.budget.reserve({ objectId: a, endEpoch: 6 as Epoch, frost: 20n })
      if (isPaid) await of.writer.extend(a, 2, { maxCostFrost: 20n })
      // here it ends, and another one begins
      const { clock, kept } = first
      const again = await watch(of, [a], 20n, { clock, kept })
      assert.equal(again.budget.leftFrost, 0n, 'it counts until it is known')
      await again.round()
      assert.deepEqual([of.state.paid, again.budget.spentFrost], [20n, 20n], `paid before: ${isPaid}`)
    }
  })

  it('are left to another process that took over while this one stood still, whenever that was', async () => {
    // the checks: as a round begins, before it is set aside, before it is paid, and before that is noted
    for (const checks of [0, 1, 2, 3]) {
      const of = network({ [a]: 6 })
      const lost = new AbortController()
      let left = checks
      const stopped = await watch(of, [a], 40n, {
        until: lost.signal,
        async expectAlone() {
          if (left-- === 0) {
            const { clock, kept } = stopped
            of.blobs.set(b, structuredClone({ ...of.blobs.get(a)!, objectId: b }))
            of.blobs.get(b)!.storage.endEpoch = 6 as Epoch
            const other = await watch(of, [a, b], 40n, { clock, kept })
            await other.round()
            assert.deepEqual([of.state.paid, other.budget.spentFrost], [40n, 40n])
            lost.abort(new Error('another one spends'))
          }
          lost.signal.throwIfAborted()
        },
      })
      await assert.rejects(stopped.round(), /another one spends/)
      assert.equal(of.state.paid, 40n, `after ${checks}`)
      await stopped.budget.reread()
      assert.deepEqual([stopped.budget.spentFrost, stopped.budget.reserved], [40n, undefined])
    }
  })

  it('count what another process has spent since', async () => {
    const of = network({ [a]: 6 })
    const { round, clock, kept, budget } = await watch(of, [a], 40n)
    const other = await Budget.open({ records: kept, key: 'k', limitFrost: 40n, clock })
    await other.reserve({ objectId: b, endEpoch: 6 as Epoch, frost: 30n })
    await other.settle(30n)
    await round()
    assert.deepEqual([of.state.paid, budget.spentFrost], [10n, 40n])
    await other.reread()
    await budget.reread()
    await other.reserve({ objectId: b, endEpoch: 6 as Epoch, frost: 0n })
    await assert.rejects(budget.reserve({ objectId: a, endEpoch: 8 as Epoch, frost: 0n }), /more than/)
    await other.settle(0n)
    await budget.settle(40n)
    assert.equal(budget.spentFrost, 40n)
  })

  it('are watched no longer once they are gone or over; the others are', async () => {
    const of = network({ [a]: 5, [b]: 6 })
    const gone = parseObjectId('0xc')
    const { round, told, renewer } = await watch(of, [a, gone, b], 100n)
    await round()
    assert.deepEqual(told, [`EXPIRED ${a} true`, `NOT_FOUND ${gone} true`, `${b} until 8`])
    assert.equal(renewer.watched, 1)
  })

  it('wait while they end as late as is sold, and for a chain that does not answer', async () => {
    const of = network({ [a]: 25 })
    const { round, told } = await watch(of, [a], 100n, { ahead: 30 })
    await round()
    assert.deepEqual(told, [])
    of.chain.system = () =>
      Promise.reject(new ChainError('RPC_UNAVAILABLE', 'no Sui RPC answers', { urls: [], attempts: 1 }))
    assert.equal(await round(), 60_000)
    await round()
    assert.deepEqual(told, ['CHAIN_UNAVAILABLE undefined false'])
  })

  it('are left when the watch is cancelled, and the payment under way still counts', async () => {
    const of = network({ [a]: 6 })
    const stopped = new AbortController()
    const { renewer, budget } = await watch(of, [a], 100n)
    of.writer.extend = async () => {
      stopped.abort(new Error('stopped'))
      throw stopped.signal.reason
    }
    await assert.rejects(renewer.round(stopped.signal), /stopped/)
    assert.equal(budget.spentFrost, 20n)
  })
})
