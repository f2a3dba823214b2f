import assert from 'node:assert/strict'
import type { ObjectId } from '../../../../codec/types.ts'
import { createPeerPauses } from '../../../../node/storage/recovery/peer-pauses.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const peer = { nodeId: '0x1' as ObjectId }
const other = { nodeId: '0x2' as ObjectId }
const gone = new ProtocolError('UNREACHABLE')

describe('a peer that failed', () => {
  const make = (random: number) => {
    const clock = new VirtualClock()
    return { clock, pauses: createPeerPauses({ clock, random: () => random }) }
  }
  const pauseMs = async ({ clock, pauses }: ReturnType<typeof make>) => {
    let ms = 0
    for (; pauses.isPaused(peer); ms += 500) await clock.advance(500)
    return ms
  }

  it('is left alone for a second, and for longer each time, for ten minutes at last', async () => {
    const made = make(1)
    const seen = []
    for (let i = 0; i < 12; i++) {
      made.pauses.failed(peer, gone)
      assert.ok(!made.pauses.isPaused(other))
      seen.push((await pauseMs(made)) / 1_000)
    }
    assert.deepEqual(seen, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600])
  })

  it('is asked again by half of that at the earliest, as chance has it', async () => {
    const made = make(0)
    for (const seconds of [0.5, 1, 2]) {
      made.pauses.failed(peer, gone)
      assert.equal(await pauseMs(made), seconds * 1_000)
    }
  })

  it('once, with all that was asked of it then, has failed once', async () => {
    const made = make(1)
    for (let i = 0; i < 5; i++) made.pauses.failed(peer, gone)
    assert.equal(await pauseMs(made), 1_000)
  })

  it('is left alone for as long as it says, and no longer than ten minutes', async () => {
    const made = make(1)
    made.pauses.failed(peer, new ProtocolError('BUSY', { retryAfterMs: 9_000 }))
    assert.equal(await pauseMs(made), 9_000)
    made.pauses.failed(peer, new ProtocolError('BUSY', { retryAfterMs: 2 ** 31 }))
    assert.equal(await pauseMs(made), 600_000)
  })

  it('has two requests at most, and whoever waits is told when one is over', () => {
    const { pauses } = make(1)
    let told = 0
    const unwatch = pauses.onEnd(() => told++)
    const ends = [pauses.begin(peer), pauses.begin(peer)]
    assert.deepEqual([pauses.isFull(peer), pauses.isFull(other)], [true, false])
    ends[0]!()
    assert.deepEqual([pauses.isFull(peer), told], [false, 1])
    unwatch()
    ends[1]!()
    assert.equal(told, 1)
  })

  it('begins anew once it has answered', async () => {
    const made = make(1)
    for (let i = 0; i < 3; i++) {
      made.pauses.failed(peer, gone)
      await pauseMs(made)
    }
    made.pauses.answered(peer)
    made.pauses.failed(peer, gone)
    assert.equal(await pauseMs(made), 1_000)
  })
})
