import assert from 'node:assert/strict'
import { silentLog } from '../../../../base/log.ts'
import type { NetworkKeys } from '../../../../node/storage/presence/network-keys.ts'
import type { PresencePlace } from '../../../../node/storage/presence/presence.ts'
import { createRotation, type Rotation } from '../../../../node/storage/presence/rotation.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

describe('going over to another network key', () => {
  const PLACES: readonly PresencePlace[] = []
  let clock: VirtualClock
  let rotation: Rotation
  let did: string[]
  let isChanging: boolean
  let failure: Error | undefined
  let held: Promise<void> | undefined
  beforeEach(() => {
    clock = new VirtualClock()
    did = []
    isChanging = false
    failure = undefined
    held = undefined
    rotation = createRotation({ keys, presences: { go }, clock, log: silentLog() })
  })
  afterEach(() => rotation.stop())

  const keys: NetworkKeys = {
    places: () => PLACES,
    all: () => [],
    isChanging: () => isChanging,
    async prepare(port) {
      did.push(`prepare ${port}`)
      isChanging = true
      return { networkPublicKey: Uint8Array.of(1), peerId: 'next', multiaddrs: [] }
    },
    async settle() {
      did.push('settle')
      await held
    },
    finish: async () => void did.push('finish'),
  }
  async function go(places: readonly PresencePlace[]): Promise<void> {
    assert.equal(places, PLACES)
    if (failure !== undefined) throw failure
    did.push('go')
  }
  const since = () => did.splice(0)
  const ROUND = ['settle', 'go', 'finish']

  it('looks once when nothing changes, when epochs turn, and every 15 s while something does', async () => {
    rotation.start()
    await clock.advance(60_000)
    assert.deepEqual([since(), clock.waiting], [ROUND, 0])
    rotation.wake()
    await clock.advance(60_000)
    assert.deepEqual(since(), ROUND)
    isChanging = true
    rotation.wake()
    await clock.advance(0)
    assert.deepEqual(since(), ROUND)
    await clock.advance(45_000)
    assert.deepEqual(since(), [...ROUND, ...ROUND, ...ROUND])
  })

  it('listens by the next key before it says so, and looks at once what the chain says', async () => {
    rotation.start()
    await clock.advance(0)
    since()
    assert.deepEqual((await rotation.prepare(7)).networkPublicKey, Uint8Array.of(1))
    assert.deepEqual(since().slice(0, 3), ['settle', 'prepare 7', 'go'])
    await clock.advance(0)
    assert.deepEqual(since(), ROUND)
    failure = new Error('the port is taken')
    await assert.rejects(rotation.prepare(8), failure)
  })

  it('does not finish before the node is there, and tries again', async () => {
    failure = new Error('the port is taken')
    isChanging = true
    rotation.start()
    await clock.advance(30_000)
    assert.deepEqual(since(), ['settle', 'settle', 'settle'])
    failure = undefined
    await clock.advance(15_000)
    assert.deepEqual(since(), ROUND)
  })

  it('does one thing at a time, and ends what somebody asked for before it stops', async () => {
    const gate = Promise.withResolvers<void>()
    held = gate.promise
    const preparing = rotation.prepare(7)
    rotation.start()
    await clock.advance(0)
    assert.deepEqual(since(), ['settle'])
    const stopped = rotation.stop()
    await clock.advance(0)
    assert.deepEqual(since(), [])
    gate.resolve()
    await preparing
    await stopped
    assert.deepEqual(since(), ['prepare 7', 'go'])
    await assert.rejects(rotation.prepare(7), { name: 'AbortError' })
  })
})
