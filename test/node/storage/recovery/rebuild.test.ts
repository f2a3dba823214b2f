import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { systemClock } from '../../../../base/clock.ts'
import {
  type Codec,
  createCodec,
  decodeInconsistencyProof,
  type EncodedBlob,
  pairOfShard,
  shardOfPair,
} from '../../../../codec/index.ts'
import type { Axis, BlobId, ShardIndex, SliverPairIndex } from '../../../../codec/types.ts'
import { planAsks } from '../../../../node/storage/recovery/plan-symbols.ts'
import { cureByRebuilding, type RebuildComponents } from '../../../../node/storage/recovery/rebuild.ts'
import { type Accusation, ProtocolError } from '../../../../protocols/index.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'
import { wronglyEncoded } from '../../../support/wrongly-encoded.ts'
import { createWorld, type World } from './support.ts'

const never = new AbortController().signal
const AXES: readonly Axis[] = ['primary', 'secondary']

describe('what is asked of whom', () => {
  const peer = (index: number, ...shards: number[]) => ({
    member: { nodeId: `0x${index}` } as never,
    shards: shards as ShardIndex[],
  })
  const peers = [peer(1, 7, 2), peer(2, 4), peer(3, 2, 5, 6)]
  const cases: [string, number[], (of: string, shard: number) => boolean, unknown[]][] = [
    ['nothing is lacking', [0, -1], () => true, []],
    ['the first suffices', [2], () => true, [['0x1', [2, 7], [0]]]],
    ['just as much as is lacking', [1], () => true, [['0x1', [7], [0]]]],
    [
      'a blob that lacks less is asked for no longer',
      [1, 4],
      () => true,
      [
        ['0x1', [2, 7], [0, 1]],
        ['0x2', [4], [1]],
        ['0x3', [5], [1]],
      ],
    ],
    [
      'who was asked already is passed over, and the other owner of a shard is asked',
      [3],
      of => of !== '0x1',
      [
        ['0x2', [4], [0]],
        ['0x3', [2, 5], [0]],
      ],
    ],
    [
      'more than there is',
      [9],
      (_, shard) => shard > 4,
      [
        ['0x1', [7], [0]],
        ['0x3', [5, 6], [0]],
      ],
    ],
  ]
  for (const [name, lacks, isFree, expected] of cases) {
    it(name, () => {
      const asks = planAsks({ lacks, peers, most: 24, isFree: ({ nodeId }, shard) => isFree(nodeId, shard) })
      assert.deepEqual(
        asks.map(({ member, sources, blobs }) => [member.nodeId, sources, blobs]),
        expected,
      )
    })
  }
})

describe('lost slivers', function () {
  this.timeout(60_000)
  let codec: Codec
  let world: World
  let accused: { name: string; what: string }[]
  let found: Accusation[]
  const blobs = new Map<BlobId, EncodedBlob>()

  before(() => {
    codec = createCodec({ threads: 0 })
  })
  after(() => codec.close())
  afterEach(() => {
    for (const blob of blobs.values()) blob.release()
    blobs.clear()
  })

  const make = async (nShards: number, members: number, sizes: readonly number[]) => {
    world = createWorld({ codec, nShards, members })
    accused = []
    found = []
    for (const size of sizes) {
      const blob = await codec.encode(randomBytes(size), nShards)
      blobs.set((await world.add(blob)).blobId, blob)
    }
  }
  const components = (): RebuildComponents => ({
    nShards: world.committees.current.nShards,
    nodeId: world.members[0]!.nodeId,
    peers: world.peers,
    book: world.book,
    pauses: world.pauses,
    budget: world.budget,
    codec,
    slivers: world.stores[0]!,
    inconsistencies: {
      knows: blobId => found.some(({ metadata }) => metadata.blobId === blobId),
      found: one => void found.push(one),
    },
    accuse: ({ name }, what) => accused.push({ name, what }),
    clock: systemClock,
    log: quietLog,
  })
  const heal = async (cure = cureByRebuilding(components())) => {
    const patients = []
    for (const [blobId, metadata] of world.blobs)
      patients.push({ blobId, metadata, shards: world.members[0]!.shards, urgency: 'fresh' as const })
    await cure.heal(patients, world.committees, never)
  }
  /** Node 0 has every sliver of its shards, byte for byte. */
  const expectWhole = async (ids: Iterable<BlobId> = blobs.keys()) => {
    for (const blobId of ids) {
      assert.deepEqual(await world.lacking(blobId), [])
      for (const shard of world.members[0]!.shards) {
        for (const axis of AXES) {
          const ref = { pair: pairOfShard(shard, blobId, world.committees.current.nShards), axis }
          const got = await world.stores[0]!.get(blobId, ref)
          assert.equal(Buffer.compare(got!, blobs.get(blobId)!.sliver(ref)), 0, `${axis} ${ref.pair}`)
        }
      }
    }
  }

  for (const [nShards, members] of [
    [10, 5],
    [100, 12],
  ] as const) {
    describe(`of ${nShards} shards`, () => {
      it('all come back and are equal, for as many bytes as were lost', async () => {
        await make(nShards, members, [1, 1_000, 60_000, 60_001])
        await world.wipe(0)
        await heal()
        await expectWhole()
        assert.deepEqual(accused, [])
        const bytes = world.asked.reduce((sum, ask) => sum + ask.bytes, 0)
        let lost = 0
        for (const blob of blobs.values())
          for (const shard of world.members[0]!.shards)
            for (const axis of AXES)
              lost += blob.sliver({ pair: pairOfShard(shard, blob.metadata.blobId, nShards), axis }).length
        assert.ok(bytes <= lost, `${bytes} bytes for ${lost}`)
        // blobs that have lost the same share requests
        assert.ok(world.asked.length <= 4 * members, `${world.asked.length} requests`)
      })

      it('single ones come back with what is left here, and nobody is asked for more', async () => {
        await make(nShards, members, [5_000])
        const [blobId] = [...blobs.keys()] as [BlobId]
        const kept = []
        for (const ref of (await world.stores[0]!.list(blobId)).slice(1))
          kept.push({ blobId, ref, bytes: (await world.stores[0]!.get(blobId, ref))! })
        await world.wipe(0)
        await world.stores[0]!.putMany(kept)
        await heal()
        await expectWhole()
        assert.equal(Math.max(...world.asked.map(({ targets }) => targets)), 1)
      })

      it('come back although a third lies, and each liar is named once', async () => {
        await make(nShards, members, [3_000, 3_001, 3_002])
        await world.wipe(0)
        const liars = world.members.slice(1, 1 + Math.floor(members / 4))
        for (const { index } of liars) world.faults.set(index, { alter: () => true })
        await heal()
        await expectWhole()
        const named = accused.map(({ name }) => name)
        assert.ok(named.length > 0)
        assert.deepEqual(named, [...new Set(named)])
        for (const { name, what } of accused) {
          assert.equal(what, 'symbol')
          assert.ok(
            liars.some(liar => liar.name === name),
            name,
          )
        }
      })

      it('come back although a third is silent', async () => {
        await make(nShards, members, [3_000])
        await world.wipe(0)
        for (const { index } of world.members.slice(1, 1 + Math.floor(members / 4)))
          world.faults.set(index, { silent: true })
        await heal()
        await expectWhole()
        assert.deepEqual(accused, [])
      })
    })
  }

  it('names every one whose symbols were used', async () => {
    await make(10, 10, [3_000])
    await world.wipe(0)
    for (const member of [1, 2, 3]) world.faults.set(member, { alter: () => true })
    await heal()
    await expectWhole()
    assert.deepEqual(accused.map(({ name }) => name).sort(), ['node-1', 'node-2', 'node-3'])
  })

  it('does not ask a liar again in the epoch', async () => {
    await make(10, 10, [3_000])
    world.faults.set(1, { alter: () => true })
    const cure = cureByRebuilding(components())
    await world.wipe(0)
    await heal(cure)
    assert.deepEqual(accused, [{ name: 'node-1', what: 'symbol' }])
    world.asked.length = 0
    await world.wipe(0)
    await heal(cure)
    await expectWhole()
    assert.ok(!world.asked.some(({ peer }) => peer === 1))
  })

  it('come back although liars prove nothing, who are found out once for all blobs of a batch', async () => {
    await make(10, 10, [3_000, 3_001, 3_002, 3_003])
    await world.wipe(0)
    for (const member of [1, 2]) world.faults.set(member, { alter: () => true, hides: true })
    await heal()
    await expectWhole()
    assert.deepEqual(accused, [])
    const proofs = world.asked.filter(ask => ask.proofs)
    // for one blob on each axis
    assert.ok(proofs.length <= 2 * 9, `${proofs.length} requests for proofs`)
  })

  it('are not asked for twice while they are on their way', async () => {
    await make(10, 10, [3_000])
    await world.wipe(0)
    const { recover } = world.peers
    const { promise: later, resolve } = Promise.withResolvers<void>()
    world.peers.recover = async function* (...request) {
      const isFirst = world.asked.length === 0
      const symbols = recover(...request)
      const first = await symbols.next()
      if (!isFirst) await later
      if (!first.done) yield first.value
      // a turn for what its end sets off
      if (isFirst) setImmediate(() => setImmediate(resolve))
      return first.done ? first.value : yield* symbols
    }
    await heal()
    await expectWhole()
    // 4 for the secondary sliver, 6 and the own one for the primary one
    assert.equal(world.asked.length, 10)
  })

  it('17 what nobody asked for: its batch is dropped, who sent it is named, and what others sent is used', async () => {
    await make(10, 10, [3_000, 3_001])
    await world.wipe(0)
    const { recover } = world.peers
    world.peers.recover = async function* (address, ...request) {
      const symbols = recover(address, ...request)
      const first = await symbols.next()
      if (first.done) return first.value
      yield first.value
      // as the client of the protocol says it, with one symbol that came before
      if (address === world.book.address(world.members[1]!)) throw new ProtocolError('VIOLATION')
      return yield* symbols
    }
    await heal()
    await expectWhole()
    assert.deepEqual(accused, [{ name: 'node-1', what: 'recover' }])
    // nobody was asked for the same again, and who is named is not asked for the other axis
    assert.equal(world.asked.filter(({ peer }) => peer === 1).length, 1)
    for (const peer of [2, 3]) assert.ok(world.asked.filter(one => one.peer === peer).length <= 2)
  })

  it('come in one request of a batch at a time of each node, though it is in two committees', async () => {
    await make(10, 5, [3_000])
    await world.wipe(0)
    const { current } = world.committees
    // each had half of its shards before, and has the other half now
    const half = (at: number) =>
      current.members.map(one => ({ ...one, shards: one.shards.slice(at, at + 1) }))
    world.committees.current = { ...current, members: half(0) }
    world.committees.previous = { ...current, members: half(1) }
    const { recover } = world.peers
    const open = new Map<string, number>()
    let most = 0
    world.peers.recover = async function* ({ peerId, ...address }, ...request) {
      open.set(peerId, (open.get(peerId) ?? 0) + 1)
      most = Math.max(most, open.get(peerId)!)
      try {
        return yield* recover({ peerId, ...address }, ...request)
      } finally {
        open.set(peerId, open.get(peerId)! - 1)
      }
    }
    await heal()
    assert.ok(world.asked.length > 5)
    assert.equal(most, 1)
    // nor in more than two, whatever else is missing: who is asked by others is waited for
    await world.wipe(0)
    await Promise.all([heal(), heal(), heal()])
    assert.equal(most, 2)
  })

  it('wait for nodes that are asked for others', async () => {
    await make(10, 10, [3_000])
    await world.wipe(0)
    const ends = world.members.flatMap(member => [world.pauses.begin(member), world.pauses.begin(member)])
    const healed = heal()
    await new Promise(resolve => setImmediate(resolve))
    for (const end of ends) end()
    await healed
    await expectWhole()
  })

  it('come back although somebody answers nothing and does not hang up', async () => {
    await make(10, 10, [3_000])
    await world.wipe(0)
    const { recover } = world.peers
    let hung = 0
    world.peers.recover = async function* (address, query, options) {
      if (world.book.address(world.members[1]!).peerId !== address.peerId)
        return yield* recover(address, query, options)
      hung++
      await new Promise((_, reject) => {
        const over = () => reject(options.signal!.reason)
        options.signal!.addEventListener('abort', over)
      })
      return []
    }
    const clock = new VirtualClock()
    const healed = heal(cureByRebuilding({ ...components(), clock }))
    await clock.advanceUntil(healed, 1_000)
    await healed
    await expectWhole()
    assert.ok(hung > 0)
    assert.deepEqual(accused, [])
  })

  it('of which too little is to be had are left, and what can be is rebuilt', async () => {
    await make(10, 10, [3_000])
    const [blobId] = [...blobs.keys()] as [BlobId]
    // 4 primary slivers are enough for the secondary ones; the primary ones need 7
    for (const member of [5, 6, 7, 8, 9]) await world.wipe(member)
    await world.wipe(0)
    await heal()
    const lacking = await world.lacking(blobId)
    assert.deepEqual(
      lacking.map(name => name.split('/')[0]),
      ['primary'],
    )
  })

  for (const [what, stray, lost] of [
    ['that is missing itself', { axis: 'secondary', of: 0 }, 'secondary'],
    ['that is missing itself', { axis: 'primary', of: 0 }, 'primary'],
    ['of which others have symbols', { axis: 'secondary', of: 3 }, 'primary'],
    ['of which this node has the symbols', { axis: 'secondary', of: 0, kept: true }, 'primary'],
  ] as const) {
    it(`of a blob with a wrong ${stray.axis} sliver ${what} are given up, with a proof`, async () => {
      await make(10, 10, [])
      const data = randomBytes(3_000)
      // the blob ID, which says where the sliver is, follows from which one it is
      let wrong: EncodedBlob
      for (let pair = 0 as SliverPairIndex; ; pair++) {
        wrong = await wronglyEncoded(codec, data, 10, { pair, axis: stray.axis })
        if (shardOfPair(pair, wrong.metadata.blobId, 10) === stray.of) break
        wrong.release()
        data[0]!++
        if (pair === 9) pair = -1 as SliverPairIndex
      }
      const metadata = await world.add(wrong)
      const { blobId } = metadata
      const kept = (await world.stores[0]!.list(blobId)).filter(({ axis }) => axis === stray.axis)
      const bytes = await world.stores[0]!.get(blobId, kept[0]!)
      await world.wipe(0)
      if ('kept' in stray) await world.stores[0]!.put(blobId, kept[0]!, bytes!)
      // so that all that is left must be used
      for (const member of 'kept' in stray ? [7, 8, 9] : [1, 8, 9]) await world.wipe(member)
      const cure = cureByRebuilding(components())
      await heal(cure)
      assert.deepEqual(accused, [])
      const [accusation] = found as [Accusation]
      assert.equal(accusation.axis, lost)
      const proof = decodeInconsistencyProof(accusation.proof, lost, 10)
      await codec.verifyInconsistencyProof({ metadata, proof })
      world.asked.length = 0
      await heal(cure)
      assert.deepEqual(world.asked, [])
      assert.equal(found.length, 1)
      wrong.release()
    })
  }

  it('end with the signal', async () => {
    await make(10, 10, [3_000])
    await world.wipe(0)
    const stop = new AbortController()
    world.peers.recover = async function* (_, __, { signal }) {
      stop.abort(new Error('over'))
      yield* []
      throw signal!.reason
    }
    const patients = [...world.blobs].map(([blobId, metadata]) => ({
      blobId,
      metadata,
      shards: world.members[0]!.shards,
      urgency: 'fresh' as const,
    }))
    await assert.rejects(cureByRebuilding(components()).heal(patients, world.committees, stop.signal), /over/)
  })
})
