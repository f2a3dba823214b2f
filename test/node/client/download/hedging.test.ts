import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob } from '../../../../codec/index.ts'
import { Gatherer } from '../../../../node/client/download/gather.ts'
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
const KIB = 1024

describe('hedging', () => {
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

  const start = (peers: FakePeer[], { book = fakeBook(), count = NEEDED } = {}) => {
    const fake = fakePeers(peers)
    const committee = fakeCommittee(peers.length, N)
    const components = { peers: fake, book, clock, log: silentLog() }
    const owners = fixedOwners(committee, book)
    gatherer = new Gatherer(components, owners, blob.metadata.blobId, { silenceMs: 10_000 })
    return { fake, members: committee.members, book, collected: gatherer.collect(count) }
  }
  const slivers = (asked: { items: number }[]) => asked.reduce((sum, { items }) => sum + items, 0)
  /** Before its first sliver. */
  const waking = (ms: number): FakePeer => {
    let woken: Promise<void> | undefined
    return {
      async sliver(ref, signal) {
        woken ??= clock.sleep(ms, signal)
        await woken
        return blob.sliver(ref)
      },
    }
  }
  /** So many bytes every so often, and a sliver after `times` of that. */
  const flowing = (bytes: number, everyMs: number, times: number): FakePeer => ({
    async sliver(ref, signal, onBytes) {
      for (let i = 0; i < times; i++) {
        await clock.sleep(everyMs, signal)
        onBytes(bytes)
      }
      return blob.sliver(ref)
    },
  })

  it('asks nobody else while bytes come, however long a sliver takes', async () => {
    const { fake, collected } = start([flowing(64 * KIB, 300, 20), honest(blob)], { count: 1 })
    await clock.advance(6_000)
    assert.equal(await collected, true)
    assert.deepEqual(fake.asked, [{ peer: 0, items: 1 }])
  })

  it('takes a trickle for none', async () => {
    const { fake, collected } = start([flowing(100, 100, 1_000), honest(blob)], { count: 1 })
    // the first byte is a step
    await clock.advance(100 + 199)
    assert.equal(fake.asked.length, 1)
    await clock.advance(301)
    assert.equal(await collected, true)
    assert.deepEqual(fake.asked.at(-1), { peer: 1, items: 1 })
  })

  it('measures a peer by what it took before', async () => {
    const book = fakeBook()
    const { members } = fakeCommittee(2, N)
    for (const ms of [...Array<number>(38).fill(300), 5_000, 5_000]) book.waited(members[0]!, ms)
    const { fake, collected } = start([silent, honest(blob)], { book, count: 1 })
    await clock.advance(599)
    assert.equal(fake.asked.length, 1)
    await clock.advance(1)
    assert.equal(await collected, true)
  })

  it('asks nobody else when all are slow at once, until they are lost', async () => {
    const slow = start(Array.from({ length: 13 }, () => waking(1_499)))
    await clock.advance(1_499)
    assert.equal(await slow.collected, true)
    assert.equal(slow.fake.asked.length, 5)
    gatherer?.close()

    const gone = start(Array.from({ length: 13 }, (_, i) => (i < 5 ? silent : honest(blob))))
    await clock.advance(1_499)
    assert.equal(gone.fake.asked.length, 5)
    await clock.advance(1)
    assert.equal(await gone.collected, true)
    // lost ones are asked last from now on
    const first = gone.book.ranked(gone.members).slice(0, 8)
    assert.ok(first.every(({ index }) => index >= 5))
  })

  it('is given a quarter more than it needs at most, whoever is late', async () => {
    const wakes = fc.array(fc.integer({ min: 0, max: 1_400 }), { minLength: 13, maxLength: 13 })
    await fc.assert(
      fc.asyncProperty(wakes, async wakes => {
        let given = 0
        const counted = (peer: FakePeer): FakePeer => ({
          async sliver(...asked) {
            const bytes = await peer.sliver!(...asked)
            given++
            return bytes
          },
        })
        const { collected } = start(wakes.map(ms => counted(waking(ms))))
        const over = collected.finally(() => gatherer?.close())
        await clock.advance(3_000)
        assert.equal(await over, true)
        assert.ok(given <= NEEDED * 1.25, `${given} slivers`)
      }),
      { numRuns: 50 },
    )
  })

  it('gives up who says nothing while those who were asked later answer', async () => {
    const { fake, collected } = start(Array.from({ length: 13 }, (_, i) => (i < 5 ? silent : waking(30))))
    await clock.advance(399)
    assert.equal(fake.asked.length, 5)
    // the metadata, by the sixth who was asked for it
    gatherer!.answeredElsewhere(300)
    await clock.advance(30)
    await clock.advance(30)
    assert.equal(await collected, true)
    assert.ok(slivers(fake.asked) <= NEEDED * 2 + 8, `${slivers(fake.asked)} slivers`)
  })

  it('gives nobody up because of those who were asked before, or who took nearly as long', async () => {
    const { fake, collected } = start(Array.from({ length: 13 }, () => waking(450)))
    await clock.advance(200)
    gatherer!.answeredElsewhere(-1)
    gatherer!.answeredElsewhere(100)
    await clock.advance(250)
    assert.equal(await collected, true)
    assert.equal(slivers(fake.asked), NEEDED)
  })

  it('replaces what a few late ones owe before they are lost', async () => {
    const { fake, collected } = start(Array.from({ length: 13 }, (_, i) => (i === 0 ? silent : honest(blob))))
    await clock.advance(500)
    assert.equal(await collected, true)
    assert.equal(slivers(fake.asked), NEEDED + 8)
  })
})
