import assert from 'node:assert/strict'
import { silentLog } from '../../../../base/log.ts'
import { createOwnRecord, type OwnRecord } from '../../../../node/network/addresses/own-record.ts'
import type { AddressRecord } from '../../../../node/network/addresses/record.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'
import { NOW, PUBLIC, type Signer, signer } from './support.ts'

const OTHER = '/ip4/192.0.2.2/tcp/4001'
const HOUR_MS = 3_600_000

describe("a peer's own address record", () => {
  let clock: VirtualClock
  let one: Signer
  let own: OwnRecord
  let addresses: string[]
  let kept: number
  let said: AddressRecord[]
  let fails: boolean
  beforeEach(async () => {
    clock = new VirtualClock(NOW)
    one = await signer(1)
    addresses = [`${PUBLIC}/p2p/${one.peerId}`]
    kept = 0
    said = []
    fails = false
    own = createOwnRecord({
      privateKey: one.key,
      addresses: () => addresses,
      isPrivate: false,
      sequence: {
        get: async () => kept,
        set: async sequence => {
          kept = sequence
        },
      },
      async publish(record) {
        if (fails) throw new Error('the disk is full')
        // what has left must never be newer than what is kept
        assert.equal(kept, record.sequence)
        said.push(record)
      },
      clock,
      log: silentLog(),
    })
  })
  afterEach(async () => {
    await own.stop()
    assert.equal(clock.waiting, 0)
  })
  const begin = async () => {
    own.start()
    await clock.advance(0)
  }

  it('is told at once, then every six hours', async () => {
    await begin()
    assert.deepEqual(
      said.map(({ multiaddrs }) => multiaddrs),
      [[PUBLIC]],
    )
    await clock.advance(6 * HOUR_MS)
    assert.equal(said.length, 1)
    await clock.advance(HOUR_MS)
    assert.equal(said.length, 2)
  })

  it('is told when addresses have changed, once in ten seconds, and not when they have not', async () => {
    await begin()
    own.changed()
    await clock.advance(60_000)
    assert.equal(said.length, 1)
    for (let i = 0; i < 20; i++) {
      addresses = [i % 2 === 0 ? OTHER : PUBLIC]
      own.changed()
      await clock.advance(1_000)
    }
    assert.equal(said.length, 3)
    await clock.advance(20_000)
    assert.deepEqual(said.at(-1)?.multiaddrs, addresses)
  })

  it('has a number above the last one, also when the clock was set back', async () => {
    kept = NOW + 1_000_000
    await begin()
    assert.equal(said[0]?.sequence, NOW + 1_000_001)
    await own.stop()
    kept = 5
    await begin()
    assert.equal(said[1]?.sequence, NOW)
  })

  it('has a number of today, when the clock was once so far ahead that nobody has taken the last', async () => {
    kept = NOW + HOUR_MS
    await begin()
    assert.equal(said[0]?.sequence, NOW + HOUR_MS + 1)
    await own.stop()
    kept = NOW + 400 * 24 * HOUR_MS
    await begin()
    assert.equal(said[1]?.sequence, NOW)
  })

  it('is said again, the same, for those who have come meanwhile', async () => {
    await begin()
    own.again()
    own.again()
    await clock.advance(60_000)
    assert.equal(said.length, 2)
    assert.equal(said[1], said[0])
  })

  it('is tried again when it could not be told', async () => {
    fails = true
    await begin()
    assert.equal(said.length, 0)
    fails = false
    await clock.advance(10_000)
    assert.equal(said.length, 1)
  })

  it('has no address that is nobody’s business, and as many others as fit', async () => {
    const relay = (i: number) => `/dns/${'a'.repeat(60)}.example.org/tcp/${i}/p2p/${one.peerId}/p2p-circuit`
    addresses = [
      '/ip4/127.0.0.1/tcp/1',
      '/ip4/192.168.1.1/tcp/1',
      ...Array.from({ length: 30 }, (_, i) => relay(i + 1)),
    ]
    await begin()
    assert.ok(said[0]!.bytes.length <= 2_048)
    const told = said[0]!.multiaddrs
    assert.ok(told.length > 10)
    assert.ok(told.every(text => text.startsWith('/dns/')))
    addresses = ['/ip4/127.0.0.1/tcp/1']
    own.changed()
    await clock.advance(60_000)
    assert.equal(said.length, 1)
  })
})
