import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { silentLog } from '../../../../base/log.ts'
import type { CommitteeMember } from '../../../../chain/types/index.ts'
import { type Codec, createCodec, type EncodedBlob } from '../../../../codec/index.ts'
import type { SliverRef } from '../../../../codec/types.ts'
import { type GatherComponents, Gatherer } from '../../../../node/client/download/gather.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import {
  type FakePeer,
  fakeBook,
  fakeCommittee,
  fakePeers,
  fixedOwners,
  honest,
} from '../../../support/fake-peers.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const N = 100

describe('the peers that a gatherer asks', () => {
  let codec: Codec
  let blob: EncodedBlob
  let clock: VirtualClock
  let gatherer: Gatherer | undefined
  before(async () => {
    codec = createCodec({ threads: 0 })
    blob = await codec.encode(randomBytes(1000), N)
  })
  beforeEach(() => {
    clock = new VirtualClock()
  })
  afterEach(() => gatherer?.close())
  after(() => codec.close())

  const start = (count: number, peers: GatherComponents['peers'], silenceMs = 60_000, book = fakeBook()) => {
    const committee = fakeCommittee(count, N)
    const components = { peers, book, clock, log: silentLog() }
    gatherer = new Gatherer(components, fixedOwners(committee), blob.metadata.blobId, { silenceMs })
    return { gatherer, members: committee.members }
  }
  const senders = (one: Gatherer) => [...new Set(one.slivers.map(({ from }) => from!.index))]
  const settle = async () => {
    for (let i = 0; i < 20; i++) await nextTurn()
  }
  /** Gives one sliver every so often. */
  const dripping = (everyMs: number): FakePeer => ({
    async sliver(ref, signal) {
      await clock.sleep(everyMs, signal)
      return blob.sliver(ref)
    },
  })

  it('are not asked again once they were found to lie, and what they gave is dropped', async () => {
    const peers = fakePeers([honest(blob), honest(blob)])
    const { gatherer, members } = start(2, peers)
    assert.equal(await gatherer.collect(34), true)
    assert.deepEqual(senders(gatherer), [0])
    gatherer.reject(members[0]!)
    assert.deepEqual(gatherer.slivers, [])
    assert.equal(await gatherer.collect(34), true)
    assert.deepEqual(senders(gatherer), [1])
    assert.deepEqual(
      peers.asked.map(({ peer }) => peer),
      [0, 1],
    )
  })

  it('are hung up on in the middle when they were found to lie', async () => {
    let hungUp = false
    let given = 0
    const lying: FakePeer = {
      async sliver(ref: SliverRef, signal: AbortSignal) {
        if (given++ < 3) return blob.sliver(ref)
        await clock.sleep(1e9, signal).finally(() => {
          hungUp = true
        })
        return undefined
      },
    }
    const { gatherer, members } = start(2, fakePeers([lying, honest(blob)]))
    gatherer.begin(34)
    await settle()
    assert.equal(gatherer.slivers.length, 3)
    gatherer.reject(members[0]!)
    await settle()
    assert.ok(hungUp)
    assert.equal(await gatherer.collect(34), true)
    assert.deepEqual(senders(gatherer), [1])
  })

  it('are not listened to any more, whatever still comes of a liar, and only for what they were asked', async () => {
    const late = Promise.withResolvers<void>()
    const asked: { peer: string; maxBytes: number | undefined }[] = []
    const peers: GatherComponents['peers'] = {
      async *fetch(address, items) {
        asked.push({ peer: address.peerId, maxBytes: items[0]!.maxBytes })
        const sliver = (item: (typeof items)[number], ref = item.ref) => ({
          item,
          blobId: item.blobId,
          ref,
          bytes: blob.sliver(ref),
        })
        const lies = address.peerId === 'peer-0'
        // one that nobody asked it for; which it keeps depends on the blob ID
        const pair = Array.from({ length: N }, (_, i) => i as SliverRef['pair']).find(i =>
          items.every(({ ref }) => ref.pair !== i),
        )!
        if (lies) yield sliver(items[0]!, { axis: 'primary', pair })
        for (const item of items) {
          if (lies) await late.promise
          yield sliver(item)
        }
      },
    }
    const { gatherer, members } = start(2, peers)
    gatherer.expect(123)
    gatherer.begin(3)
    await settle()
    assert.deepEqual(gatherer.slivers, [])
    gatherer.reject(members[0]!)
    late.resolve()
    await settle()
    assert.deepEqual(gatherer.slivers, [])
    assert.equal(await gatherer.collect(3), true)
    assert.equal(await gatherer.collect(60), false)
    assert.deepEqual(
      asked.map(({ peer }) => peer),
      ['peer-0', 'peer-1', 'peer-1'],
    )
    assert.ok(asked.every(({ maxBytes }) => maxBytes === 123))
  })

  it('have time for as long as something comes, and nobody else is asked meanwhile', async () => {
    const peers = fakePeers([dripping(400), honest(blob)])
    const { gatherer } = start(2, peers, 450)
    const collected = gatherer.collect(10)
    await clock.advance(10 * 400)
    assert.equal(await collected, true)
    assert.deepEqual(peers.asked, [{ peer: 0, items: 10 }])
  })

  it('count again when they answer after all', async () => {
    let waitMs = 1_000
    const late: FakePeer = {
      async sliver(ref: SliverRef, signal: AbortSignal) {
        await clock.sleep(waitMs, signal)
        waitMs = 100
        return blob.sliver(ref)
      },
    }
    const { gatherer } = start(1, fakePeers([late]), 600)
    const collected = gatherer.collect(2)
    await clock.advance(600)
    assert.equal(await collected, false)
    await clock.advance(400)
    const again = gatherer.collect(2)
    await clock.advance(100)
    assert.equal(await again, true)
  })

  it('rest when they are busy, for as long as they say but not for ever', async () => {
    let tries = 0
    const busy: FakePeer = {
      async sliver(ref: SliverRef) {
        if (tries++ === 0) throw new ProtocolError('BUSY', { remote: true, retryAfterMs: 60_000 })
        return blob.sliver(ref)
      },
    }
    const { gatherer } = start(2, fakePeers([busy, honest(blob)]))
    const collected = gatherer.collect(60)
    await clock.advance(1_999)
    assert.deepEqual([tries, gatherer.slivers.length], [1, 50])
    await clock.advance(1)
    assert.equal(await collected, true)
  })

  it('are asked after the others once their stream broke', async () => {
    let broken = false
    const breaking: FakePeer = {
      async sliver(ref: SliverRef) {
        if (!broken) {
          broken = true
          throw new ProtocolError('CONNECTION_LOST')
        }
        return blob.sliver(ref)
      },
    }
    const { gatherer } = start(2, fakePeers([breaking, honest(blob)]))
    gatherer.begin(10)
    await settle()
    assert.ok(broken)
    // it has rested
    await clock.advance(200)
    assert.equal(await gatherer.collect(10), true)
    assert.deepEqual(senders(gatherer), [1])
  })

  it('are asked where they are by now when they are not where they were', async () => {
    const committee = fakeCommittee(1, N)
    const [member] = committee.members as [CommitteeMember]
    const moved = { ...committee, members: [{ ...member, multiaddrs: ['/new'] }] }
    const book = {
      ...fakeBook(),
      address: ({ multiaddrs }: CommitteeMember) => ({ peerId: 'peer-0', multiaddrs }),
    }
    const honestPeers = fakePeers([honest(blob)])
    const tried: string[] = []
    const peers: GatherComponents['peers'] = {
      async *fetch(address, items, options) {
        tried.push(address.multiaddrs.join())
        if (address.multiaddrs[0] !== '/new') throw new ProtocolError('UNREACHABLE')
        yield* honestPeers.fetch(address, items, options)
      },
    }
    const renew = async () => fixedOwners(moved)
    const components = { peers, book, clock, log: silentLog() }
    const { blobId } = blob.metadata
    gatherer = new Gatherer(components, fixedOwners(committee), blobId, { silenceMs: 60_000, renew })
    const collected = gatherer.collect(3)
    await clock.advance(10_000)
    assert.equal(await collected, true)
    assert.deepEqual(tried, [member.multiaddrs.join(), '/new'])
  })

  it('are remembered by how they answered', async () => {
    const seen: string[] = []
    const book = fakeBook()
    book.answered = (member: CommitteeMember, ms: number) => void seen.push(`${member.index} took ${ms}`)
    book.failed = (member: CommitteeMember) => void seen.push(`${member.index} failed`)
    const gone: FakePeer = { sliver: async () => Promise.reject(new ProtocolError('UNREACHABLE')) }
    const { gatherer } = start(2, fakePeers([gone, dripping(40)]), 60_000, book)
    const collected = gatherer.collect(3)
    await clock.advance(120)
    assert.equal(await collected, true)
    assert.deepEqual(seen, ['0 failed', '1 took 40'])
  })

  it('are all hung up on at the end', async () => {
    const { gatherer } = start(1, fakePeers([dripping(1e9)]))
    gatherer.begin(3)
    await settle()
    const waiting = clock.waiting
    gatherer.close()
    await settle()
    assert.ok(waiting > 0)
    assert.equal(clock.waiting, 0)
  })
})
