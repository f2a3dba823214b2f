import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { type Clock, systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob } from '../../../../codec/index.ts'
import type { SliverPairIndex, SliverRef } from '../../../../codec/types.ts'
import { Gatherer } from '../../../../node/client/download/gather.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import { blockLoop } from '../../../support/block-loop.ts'
import {
  type FakePeer,
  fakeBook,
  fakeCommittee,
  fakePeers,
  fixedOwners,
  honest,
  silent,
} from '../../../support/fake-peers.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const N = 100
const NEEDED = 34

describe('gather', () => {
  let codec: Codec
  let blob: EncodedBlob
  before(async () => {
    codec = createCodec({ threads: 0 })
    blob = await codec.encode(randomBytes(1000), N)
  })
  after(() => codec.close())

  const gather = async (
    peers: FakePeer[],
    silenceMs = 5_000,
    clock: Clock = systemClock,
    multiaddrs = ['/ip4/192.0.2.1/tcp/1'],
  ) => {
    const fake = fakePeers(peers)
    const { members, ...rest } = fakeCommittee(peers.length, N)
    const committee = { ...rest, members: members.map(member => ({ ...member, multiaddrs })) }
    const components = { peers: fake, book: fakeBook(), clock, log: silentLog() }
    const gatherer = new Gatherer(components, fixedOwners(committee), blob.metadata.blobId, { silenceMs })
    try {
      const enough = await gatherer.collect(NEEDED)
      return { enough, have: gatherer.slivers.length, asked: fake.asked }
    } finally {
      gatherer.close()
    }
  }
  /** Has the slivers of these pairs only. */
  const having = (pairs: ReadonlySet<number>): FakePeer => ({
    ...honest(blob),
    sliver: async ref => (pairs.has(ref.pair) ? blob.sliver(ref) : undefined),
  })
  const requestsOf = (asked: { peer: number }[], peer: number) =>
    asked.filter(one => one.peer === peer).length

  it('finds what is there, wherever it is, and asks nobody more than twice', async () => {
    const scattered = fc
      .uniqueArray(fc.integer({ min: 0, max: N - 1 }), { minLength: NEEDED, maxLength: 60 })
      .map(pairs => new Set(pairs))
    await fc.assert(
      fc.asyncProperty(scattered, fc.constantFrom(1, 4, 6, 13), async (pairs, count) => {
        const { enough, asked } = await gather(Array.from({ length: count }, () => having(pairs)))
        assert.ok(enough)
        for (let peer = 0; peer < count; peer++) assert.ok(requestsOf(asked, peer) <= 2, `peer ${peer}`)
      }),
      { numRuns: 40 },
    )
  })

  it('asks a peer whose stream breaks for the rest, after the others', async () => {
    const breaking = (code: 'CONNECTION_LOST' | 'BUSY'): FakePeer => {
      let left = 3
      return {
        ...honest(blob),
        async sliver(ref: SliverRef) {
          if (left-- === 0) throw new ProtocolError(code, { remote: code === 'BUSY' })
          return blob.sliver(ref)
        },
      }
    }
    for (const code of ['CONNECTION_LOST', 'BUSY'] as const) {
      // three of four together keep 75 shards, but break off after three slivers each: the rest must come from them
      const { enough, asked } = await gather([breaking(code), breaking(code), breaking(code), silent], 5_000)
      assert.ok(enough, code)
      for (const peer of [0, 1, 2]) assert.ok(requestsOf(asked, peer) <= 4)
    }
  })

  it('asks who breaks off, or cannot be reached, again after a while, and no more after some times', async () => {
    for (const code of ['CONNECTION_LOST', 'UNREACHABLE', 'TIMEOUT', 'BUSY'] as const) {
      const failing = (times: number): FakePeer => ({
        ...honest(blob),
        sliver: async ref =>
          --times >= 0
            ? Promise.reject(new ProtocolError(code, { remote: code === 'BUSY' }))
            : blob.sliver(ref),
      })
      const clock = new VirtualClock()
      const back = gather([failing(4)], 10_000, clock)
      await clock.advance(3_000)
      assert.equal((await back).enough, true, code)
      const gone = gather([failing(99), failing(99)], 10_000, clock)
      await clock.advance(3_000)
      const { enough, have, asked } = await gone
      assert.deepEqual({ enough, have }, { enough: false, have: 0 }, code)
      assert.deepEqual([requestsOf(asked, 0), requestsOf(asked, 1)], [5, 5], code)
    }
  })

  it('asks who is reached over relays for as long as one of these may take to start anew', async () => {
    for (const multiaddrs of [[], ['/ip4/192.0.2.1/tcp/1/p2p-circuit']]) {
      let asked = 0
      const cut: FakePeer = {
        ...honest(blob),
        async sliver() {
          asked++
          throw new ProtocolError('UNREACHABLE')
        },
      }
      const clock = new VirtualClock()
      const gone = gather([cut], 60_000, clock, multiaddrs)
      await clock.advance(9_000)
      assert.equal((await gone).enough, false)
      assert.equal(asked, 8)
    }
  })

  it('asks nobody again who says something else', async () => {
    const gone: FakePeer = {
      ...honest(blob),
      sliver: async () => Promise.reject(new ProtocolError('WRONG_NETWORK', { details: { network: '' } })),
    }
    const { enough, asked } = await gather([gone])
    assert.deepEqual([enough, requestsOf(asked, 0)], [false, 1])
  })

  it('does not take a stall of its own for the silence of others', async () => {
    const answers = Promise.withResolvers<void>()
    const slow: FakePeer = {
      ...honest(blob),
      async sliver(ref: SliverRef) {
        await answers.promise
        return blob.sliver(ref)
      },
    }
    const collected = gather([slow], 300)
    setImmediate(() => {
      // what came meanwhile is read in the next turn, after its timers
      setImmediate(answers.resolve)
      blockLoop(1_000)
    })
    assert.equal((await collected).enough, true)
  })

  it('gives up when nothing comes', async () => {
    const clock = new VirtualClock()
    const collected = gather([silent, silent], 5_000, clock)
    let over = false
    collected.finally(() => {
      over = true
    })
    await clock.advance(4_999)
    assert.equal(over, false)
    await clock.advance(1)
    assert.equal((await collected).enough, false)
  })

  it('makes up for one packet of lacks by one request', async () => {
    const lacking = having(new Set<SliverPairIndex>())
    const { enough, asked } = await gather([lacking, honest(blob)])
    assert.ok(enough)
    assert.deepEqual(asked, [
      { peer: 0, items: 34 },
      { peer: 1, items: 34 },
    ])
  })

  it('asks a peer that lacks slivers for its others in one further request', async () => {
    const { enough, asked } = await gather([having(new Set(Array.from({ length: N / 2 }, (_, i) => 2 * i)))])
    assert.ok(enough)
    // half of the first are there
    assert.deepEqual(asked, [
      { peer: 0, items: NEEDED },
      { peer: 0, items: N - NEEDED },
    ])
  })

  it('drops nobody for a reset alone', async () => {
    let isReset = false
    const reset: FakePeer = {
      ...honest(blob),
      async sliver(ref) {
        if (isReset) return blob.sliver(ref)
        isReset = true
        throw new ProtocolError('CONNECTION_LOST')
      },
    }
    const clock = new VirtualClock()
    const gathering = gather([reset], 10_000, clock)
    await clock.advance(3_000)
    const { enough, asked } = await gathering
    assert.ok(enough)
    assert.equal(asked.length, 2)
  })
})
