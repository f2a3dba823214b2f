import assert from 'node:assert/strict'
import { createLog } from '../../../../base/pino-log.ts'
import { ChainError } from '../../../../chain/errors.ts'
import type { EpochRefusal, EpochState, EpochTiming, NodeCapability } from '../../../../chain/types/index.ts'
import type { Epoch, ObjectId } from '../../../../codec/types.ts'
import { createEpochDriver, type EpochDriver } from '../../../../node/storage/epochs/driver.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const EPOCH_MS = 600_000
const digest = { digest: '' }

/** A chain whose clock runs `aheadMs` before that of the machine, and the driver of one node on it. */
class World {
  readonly clock = new VirtualClock()
  readonly calls: string[] = []
  readonly said: string[] = []
  readonly driver: EpochDriver
  aheadMs: number
  epoch = 1
  state: EpochState
  fails: ((call: string) => Error | undefined) | undefined
  capability: NodeCapability | undefined
  looks = 0

  constructor({ aheadMs = 0, chance = 0.5 } = {}) {
    this.aheadMs = aheadMs
    this.state = { kind: 'done', sinceMs: aheadMs }
    const call = async (name: string): Promise<typeof digest> => {
      this.calls.push(name)
      const error = this.fails?.(name)
      if (error !== undefined) throw error
      return digest
    }
    this.driver = createEpochDriver({
      chain: { epochTiming: async () => this.#timing() },
      operator: {
        votingEnd: async () => {
          const answer = await call('votingEnd')
          this.state = { kind: 'next-params-selected', sinceMs: (this.state as { sinceMs: number }).sinceMs }
          return answer
        },
        initiateEpochChange: async () => {
          const answer = await call('change')
          this.epoch++
          this.state = { kind: 'sync', weight: 0 }
          return answer
        },
        capability: async () => this.capability,
        epochSyncDone: epoch => call(`synced ${epoch}`),
      },
      clock: this.clock,
      random: () => chance,
      log: createLog({ level: 'warn', json: true, write: line => this.said.push(line) }),
    })
    this.driver.start()
  }

  #timing(): EpochTiming {
    this.looks++
    const nowMs = this.clock.now() + this.aheadMs
    const timing = { epoch: this.epoch as Epoch, state: this.state, nowMs, durationMs: EPOCH_MS }
    if (this.state.kind === 'sync') return timing
    const { sinceMs } = this.state
    return { ...timing, votingEndDueMs: sinceMs + EPOCH_MS / 2, changeDueMs: sinceMs + EPOCH_MS }
  }

  stop = async (): Promise<void> => {
    await this.driver.stop()
    assert.equal(this.clock.waiting, 0, 'timers are left')
  }
}

const refused = (refusal: EpochRefusal) =>
  new ChainError('MOVE_ABORT', 'aborted', { module: 'staking', abortCode: 1n, refusal })

describe('the driver of epochs', () => {
  it('ends the votes and begins the next epoch when that is due, and no earlier', async () => {
    const world = new World()
    await world.clock.advance(EPOCH_MS / 2)
    assert.deepEqual(world.calls, [])
    // half of the five percent that nodes wait for each other
    await world.clock.advance(EPOCH_MS * 0.025)
    assert.deepEqual(world.calls, ['votingEnd'])
    await world.clock.advance(EPOCH_MS / 2 - EPOCH_MS * 0.025 - 1)
    assert.deepEqual(world.calls, ['votingEnd'])
    await world.clock.advance(EPOCH_MS * 0.025 + 20_000)
    assert.deepEqual(world.calls, ['votingEnd', 'change'])
    // while nodes report there is nothing to do
    await world.clock.advance(3 * EPOCH_MS)
    assert.equal(world.calls.length, 2)
    await world.stop()
  })

  it("41 goes by the chain's clock, whatever the machine's says, and follows its jumps", async () => {
    const world = new World({ aheadMs: -3_600_000 })
    await world.clock.advance(EPOCH_MS / 4)
    assert.deepEqual(world.calls, [])
    world.aheadMs += 3_600_000
    await world.clock.advance(15_000)
    assert.deepEqual(world.calls, ['votingEnd', 'change'])
    await world.stop()
  })

  it('leaves to another what that has done first', async () => {
    const world = new World()
    await world.clock.advance(EPOCH_MS / 2 + 1)
    world.state = { kind: 'next-params-selected', sinceMs: 0 }
    world.driver.onEvent({ type: 'EpochParametersSelected' } as never)
    await world.clock.advance(EPOCH_MS / 4)
    assert.deepEqual(world.calls, [])
    await world.stop()
  })

  it('takes a refusal that says so for success, of reports as well', async () => {
    const world = new World()
    const { signal } = new AbortController()
    for (const refusal of ['DONE_BEFORE', 'EPOCH_OVER'] as const) {
      world.fails = () => refused(refusal)
      await world.driver.attest(1 as Epoch, signal)
      assert.equal(world.driver.trouble(), undefined)
    }
    await world.stop()
  })

  it('tells nothing that the chain has been told before', async () => {
    const world = new World()
    const { signal } = new AbortController()
    const objectId = `0x${'1'.repeat(64)}` as ObjectId
    world.capability = { objectId, nodeId: objectId, lastEpochSyncDone: 1 as Epoch }
    await world.driver.attest(1 as Epoch, signal)
    assert.deepEqual(world.calls, [])
    await world.driver.attest(2 as Epoch, signal)
    assert.deepEqual(world.calls, ['synced 2'])
    await world.stop()
  })

  it('does not look for what it hears of the past', async () => {
    const world = new World()
    await world.clock.advance(1)
    const caughtUp = world.driver.following()
    const before = world.looks
    world.driver.onEvent({ type: 'EpochChangeDone' } as never)
    await world.clock.advance(1)
    assert.equal(world.looks, before)
    caughtUp()
    world.driver.onEvent({ type: 'EpochChangeDone' } as never)
    await world.clock.advance(1)
    assert.equal(world.looks, before + 1)
    await world.stop()
  })

  it('says why it cannot, tries again, and goes on once it can', async () => {
    const world = new World()
    const { signal } = new AbortController()
    world.fails = () => refused('TOO_EARLY')
    await assert.rejects(world.driver.attest(1 as Epoch, signal), { code: 'MOVE_ABORT' })
    assert.match(world.driver.trouble()!, /^epochSyncDone: aborted/)
    await world.clock.advance(EPOCH_MS / 2 + 60_000)
    assert.ok(world.calls.filter(call => call === 'votingEnd').length > 1)
    world.fails = undefined
    await world.clock.advance(15_000)
    assert.equal(world.state.kind, 'next-params-selected')
    assert.equal(world.driver.trouble(), undefined)
    await world.stop()
  })

  it('says once what fails on and on, and then at growing distances', async () => {
    const world = new World()
    world.fails = () => refused('TOO_EARLY')
    await world.clock.advance(EPOCH_MS / 2)
    for (let i = 0; i < 360; i++) await world.clock.advance(10_000)
    assert.ok(world.calls.length > 100)
    assert.ok(world.said.length >= 1 && world.said.length <= 8, `${world.said.length} lines`)
    await world.stop()
  })

  it('an attempt that nobody waits for any more is no trouble', async () => {
    const world = new World()
    const stop = new AbortController()
    world.fails = () => {
      stop.abort(new DOMException('the epoch is over', 'AbortError'))
      return new Error('cut short')
    }
    await assert.rejects(world.driver.attest(1 as Epoch, stop.signal), { name: 'AbortError' })
    assert.equal(world.driver.trouble(), undefined)
    await world.stop()
  })

  it('34 what others were first with is not sent again and again while the RPC is behind', async () => {
    const world = new World()
    world.fails = () => refused('DONE_BEFORE')
    await world.clock.advance(EPOCH_MS * 0.525 + 1_000)
    assert.ok(world.calls.length >= 1 && world.calls.length <= 6, `${world.calls.length} times`)
    assert.equal(world.driver.trouble(), undefined)
    await world.stop()
  })
})
