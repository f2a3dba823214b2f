import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { Clock, systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { createSemaphore } from '../../../../base/semaphore.ts'
import type { Committee, CommitteeMember, Committees, EpochState } from '../../../../chain/types/index.ts'
import {
  type BlobCodec,
  type Codec,
  createCodec,
  type EncodedBlob,
  shardOfPair,
} from '../../../../codec/index.ts'
import type { Epoch, ShardIndex, SliverPairIndex } from '../../../../codec/types.ts'
import { openBlob } from '../../../../node/client/download/blob-handle.ts'
import { type DownloadComponents, readWhole } from '../../../../node/client/download/download.ts'
import { Gatherer } from '../../../../node/client/download/gather.ts'
import { createOwnersFinder, type Owners, ownersIn } from '../../../../node/client/download/owners.ts'
import { ClientError } from '../../../../node/client/errors.ts'
import {
  type FakePeer,
  fakeBook,
  fakeCommittee,
  fakePeers,
  fixedOwners,
  honest,
  neverRenewed,
  silent,
  unreachable,
} from '../../../support/fake-peers.ts'

const N = 100
const NEEDED = 34
const SYNC: EpochState = { kind: 'sync', weight: 0 }
const DONE: EpochState = { kind: 'done', sinceMs: 0 }
// nodes 0 to 3 leave, 4 and 5 stay with other shards, 6 to 9 come
const previous = fakeCommittee(6, N, { epoch: 1 })
const current = fakeCommittee(6, N, { epoch: 2, first: 4 })
const indices = (members: readonly { index: number }[]) => members.map(({ index }) => index)
/** On which nobody is ever late, however busy this machine is: what is asked of one for that reason is asked twice. */
const patientClock = new Clock({
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic(),
  after: (ms, act) => (ms === 0 ? systemClock.after(0, act) : { stop: () => undefined }),
})
const range = (length: number) => Array.from({ length }, (_, i) => i)

describe('owners of shards that move', () => {
  let codec: Codec
  let blob: EncodedBlob
  const data = randomBytes(1_000)
  before(async () => {
    codec = createCodec({ threads: 0 })
    blob = await codec.encode(data, N)
  })
  after(() => codec.close())

  const having = (pairs: ReadonlySet<number>): FakePeer => ({
    ...honest(blob),
    sliver: async ref => (pairs.has(ref.pair) ? blob.sliver(ref) : undefined),
  })
  const lacking = () => having(new Set())
  const components = (peers: ReturnType<typeof fakePeers>): DownloadComponents => ({
    peers,
    book: fakeBook(),
    owners: neverRenewed,
    accuse: () => assert.fail('nobody lied'),
    codec: codec as unknown as BlobCodec,
    clock: systemClock,
    log: silentLog(),
  })

  it('are the preferred one first and then the other, each member once and by its newest record', () => {
    for (const prefer of ['previous', 'current'] as const) {
      const { committee, order, of } = ownersIn({ previous, current }, prefer, fakeBook())
      assert.equal(committee, current)
      assert.deepEqual(
        indices(order),
        prefer === 'previous' ? [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] : [4, 5, 6, 7, 8, 9, 0, 1, 2, 3],
      )
      for (const shard of range(N)) {
        const both = [shard % 6, 4 + (shard % 6)]
        const expected = prefer === 'previous' ? both : both.toReversed()
        assert.deepEqual(indices(of(shard as ShardIndex)), expected)
      }
      assert.equal(
        order.find(({ index }) => index === 4),
        current.members[0],
      )
    }
    const still = ownersIn({ previous: current, current }, 'previous', fakeBook())
    assert.deepEqual(indices(still.of(7 as ShardIndex)), [5])
    assert.deepEqual(indices(fixedOwners(current).of(7 as ShardIndex)), [5])
  })

  describe('of which the preferred', () => {
    const finding = (state: EpochState, status: FakePeer['status'], clock = patientClock) => {
      let asked = 0
      const answer: FakePeer = {
        status: signal => {
          asked++
          return status!(signal)
        },
      }
      const at = { epoch: 2 as Epoch, state }
      const committees = { get: async (): Promise<Committees> => ({ ...at, current, previous }) }
      const finder = createOwnersFinder({
        peers: fakePeers(range(10).map(() => answer)),
        book: fakeBook(),
        clock,
        committees,
      })
      return async (now = at) => {
        Object.assign(at, now)
        asked = 0
        const first = await finder.ask(
          blob.metadata.blobId,
          {},
          async owners => owners.of(0 as ShardIndex)[0]!.index,
        )
        return { of: first === 0 ? 'previous' : 'current', asked: asked > 0 }
      }
    }
    const chosen = (...how: Parameters<typeof finding>) => finding(...how)()
    const certified = (epoch: number | undefined) => async () => ({
      kind: 'known' as const,
      certified: epoch !== undefined,
      initialCertifiedEpoch: epoch as Epoch | undefined,
      endEpoch: 9 as Epoch,
      deletable: false,
    })

    it('is the one before while shards move, for what was certified before', async () => {
      assert.deepEqual(await chosen(SYNC, certified(1)), { of: 'previous', asked: true })
    })
    it('is the current one for what was certified since', async () => {
      assert.deepEqual(await chosen(SYNC, certified(2)), { of: 'current', asked: true })
    })
    it('is the one before when nobody tells', async () => {
      assert.deepEqual(await chosen(SYNC, silent.status, systemClock), { of: 'previous', asked: true })
    })
    it('is known from the read before: nobody is asked twice, but of what nobody told', async () => {
      for (const [epoch, of] of [
        [1, 'previous'],
        [2, 'current'],
      ] as const) {
        const find = finding(SYNC, certified(epoch))
        assert.deepEqual(await find(), { of, asked: true })
        assert.deepEqual(await find(), { of, asked: false })
      }
      const find = finding(SYNC, silent.status, systemClock)
      await find()
      assert.deepEqual(await find(), { of: 'previous', asked: true })
    })
    it('is the one before for what was read before, and nobody is asked', async () => {
      const find = finding(DONE, certified(1))
      await find({ epoch: 1 as Epoch, state: DONE })
      assert.deepEqual(await find({ epoch: 2 as Epoch, state: SYNC }), { of: 'previous', asked: false })
    })
    it('is the current one once the change is done, and nobody is asked', async () => {
      assert.deepEqual(await chosen(DONE, certified(1)), { of: 'current', asked: false })
    })
  })

  it('are both asked by a gatherer, for no more than is needed, wherever the slivers are', async () => {
    // by the pair: both owners of its shard have it, or one of them; few more than are needed are anywhere
    const place = fc.constantFrom('before', 'now', 'both')
    const scattered = fc.uniqueArray(fc.tuple(fc.nat(N - 1), place), {
      selector: ([pair]) => pair,
      minLength: NEEDED - 1,
      maxLength: NEEDED + 8,
    })
    await fc.assert(
      fc.asyncProperty(scattered, fc.constantFrom('previous', 'current'), async (places, prefer) => {
        const at = (...there: string[]) =>
          new Set(places.filter(([, place]) => there.includes(place)).map(([pair]) => pair))
        const [before, now, any] = [at('before', 'both'), at('now', 'both'), at('before', 'now', 'both')]
        const given: number[] = []
        const peers = fakePeers(
          range(10).map(i => ({
            ...honest(blob),
            async sliver(ref) {
              if (!(i < 4 ? before : i < 6 ? any : now).has(ref.pair)) return undefined
              given.push(ref.pair)
              return blob.sliver(ref)
            },
          })),
        )
        const owners = ownersIn({ previous, current }, prefer, fakeBook())
        const parts = { ...components(peers), clock: patientClock }
        const gatherer = new Gatherer(parts, owners, blob.metadata.blobId, { silenceMs: 5_000 })
        try {
          assert.equal(await gatherer.collect(NEEDED), places.length >= NEEDED)
          assert.equal(new Set(given).size, given.length, 'a sliver was sent twice')
          for (const peer of range(10)) assert.ok(peers.asked.filter(one => one.peer === peer).length <= 3)
        } finally {
          gatherer.close()
        }
      }),
      { numRuns: 60 },
    )
  })

  it('hedged read while owners lack 60% of their slivers: nobody is dropped, and any that suffice do', async () => {
    const { blobId } = blob.metadata
    const ofSilent = (pair: number) => shardOfPair(pair as SliverPairIndex, blobId, N) % 6 === 2
    const some = new Set(
      range(N)
        .filter(pair => !ofSilent(pair))
        .slice(-40),
    )
    const peers = fakePeers(range(6).map(i => (i === 2 ? silent : having(some))))
    const failed: number[] = []
    const book = fakeBook()
    book.failed = ({ index }) => void failed.push(index)
    const gatherer = new Gatherer({ ...components(peers), book }, fixedOwners(previous), blobId, {
      silenceMs: 5_000,
    })
    try {
      assert.equal(await gatherer.collect(NEEDED), true)
      // the silent one is given up where all the others take their time
      assert.deepEqual(
        failed.filter(index => index !== 2),
        [],
      )
    } finally {
      gatherer.close()
    }
  })

  it('are asked for a part that the preferred one lacks, with nothing decoded', async () => {
    const large = await codec.encode(randomBytes(4_600_000), N)
    const of = ownersIn({ previous, current }, 'previous', fakeBook())
    const having = (i: number): FakePeer =>
      i < 4 ? { ...honest(large), sliver: async () => undefined } : honest(large)
    await using handle = await openBlob(
      {
        ...components(fakePeers(range(10).map(having))),
        metrics: { download: () => {} },
        decoding: createSemaphore(1),
        createSpool: () => assert.fail('nothing is to be decoded'),
      },
      of,
      large.metadata.blobId,
      { signal: new AbortController().signal, closing: new AbortController().signal, handles: new Set() },
    )
    assert.equal((await handle.read()).length, 4_600_000)
  })

  describe('that were cached before the change', () => {
    const old = fixedOwners(previous)
    const both = ownersIn({ previous, current }, 'current', fakeBook())

    it('serve, and the committee is not read again', async () => {
      const peers = fakePeers(range(10).map(i => (i < 6 ? honest(blob) : unreachable)))
      const renewed = async () => assert.fail('nothing was missing')
      const { data: got } = await readWhole(
        { ...components(peers), owners: { renewed } },
        old,
        blob.metadata.blobId,
      )
      assert.deepEqual(Buffer.from(got), data)
    })

    it('are refreshed on the first miss, once, and those who came are asked', async () => {
      for (const gone of [unreachable, lacking()]) {
        const peers = fakePeers(range(10).map(i => (i < 4 ? gone : i < 6 ? lacking() : honest(blob))))
        let renewals = 0
        const renewed = async (): Promise<Owners> => {
          renewals++
          // the chain is slower than those who lack everything
          await delay(20)
          return both
        }
        const { data: got } = await readWhole(
          { ...components(peers), owners: { renewed } },
          old,
          blob.metadata.blobId,
        )
        assert.deepEqual(Buffer.from(got), data)
        assert.equal(renewals, 1)
      }
    })

    it('are asked again in the present ones when too few of them answer', async () => {
      const answers: Committees[] = [
        { epoch: 1 as Epoch, state: DONE, current: previous },
        { epoch: 2 as Epoch, state: DONE, current, previous },
      ]
      const asked: (boolean | undefined)[] = []
      const finder = createOwnersFinder({
        peers: fakePeers([]),
        book: fakeBook(),
        clock: systemClock,
        committees: {
          get: async ({ fresh } = {}) => {
            asked.push(fresh)
            return answers[fresh === true ? 1 : 0]!
          },
        },
      })
      const epochs: number[] = []
      const tooFew = new ClientError('TOO_FEW_SHARDS', '', { answeredShards: 0, neededShards: NEEDED })
      const run = async ({ committee }: Owners): Promise<void> => {
        epochs.push(committee.epoch)
        throw tooFew
      }
      await assert.rejects(finder.ask(blob.metadata.blobId, {}, run), tooFew)
      assert.deepEqual(epochs, [1, 2])
      assert.deepEqual(asked, [undefined, true])
      // not again at once: many readers may miss something
      assert.equal(await finder.renewed(old, blob.metadata.blobId, {}), undefined)
      assert.deepEqual(asked, [undefined, true, false])
    })

    it('are asked again where they are now when too few of them are where they were', async () => {
      const moved = (change: Partial<CommitteeMember>): Committee => ({
        ...current,
        members: current.members.map((member, i) => (i === 3 ? { ...member, ...change } : { ...member })),
      })
      const tooFew = new ClientError('TOO_FEW_SHARDS', '', { answeredShards: 0, neededShards: NEEDED })
      const runs = async (renewed: Committee): Promise<Committee[]> => {
        const committees = {
          get: async ({ fresh = false } = {}): Promise<Committees> => ({
            epoch: 2 as Epoch,
            state: DONE,
            current: fresh ? renewed : current,
          }),
        }
        const finder = createOwnersFinder({
          peers: fakePeers([]),
          book: fakeBook(),
          clock: systemClock,
          committees,
        })
        const seen: Committee[] = []
        const run = async ({ committee }: Owners): Promise<void> => {
          seen.push(committee)
          throw tooFew
        }
        await assert.rejects(finder.ask(blob.metadata.blobId, {}, run), tooFew)
        return seen
      }
      for (const change of [
        { networkPublicKey: Uint8Array.of(99) },
        { multiaddrs: ['/ip4/127.0.0.1/tcp/9'] },
      ]) {
        const renewed = moved(change)
        assert.deepEqual(await runs(renewed), [current, renewed])
      }
      assert.deepEqual(await runs(moved({})), [current])
    })
  })
})
