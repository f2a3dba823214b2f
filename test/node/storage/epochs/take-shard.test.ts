import assert from 'node:assert/strict'
import { silentLog } from '../../../../base/log.ts'
import type { CommitteeMember } from '../../../../chain/types/index.ts'
import type { BlobId, BlobMetadata, Epoch, ObjectId, ShardIndex } from '../../../../codec/types.ts'
import { createBudget, type Urgency, upkeepLimits } from '../../../../node/storage/budget.ts'
import { type TakeShardComponents, takeShard } from '../../../../node/storage/epochs/take-shard.ts'
import type { ProtocolError } from '../../../../protocols/index.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const SIZE = 1_800_000
const source = { nodeId: '0x1' as ObjectId } as CommitteeMember
const blobId = (at: number) => Buffer.alloc(32, at).toString('base64url') as BlobId
const disk = new Error('no room')

const CERTIFIED = { registrations: [{ certified: true, endEpoch: 9 }] }

describe('the takeover of a shard', () => {
  const accused: unknown[] = []
  const components = (shardPage: unknown, putMany = async () => undefined) =>
    ({
      nShards: 10,
      peers: { shardPage },
      book: { address: () => ({ peerId: '', multiaddrs: [] }) },
      codec: { verifySlivers: async (list: unknown[]) => list.map(() => undefined) },
      slivers: { putMany },
      metadata: { get: async () => ({ nShards: 10, unencodedLength: SIZE }) as BlobMetadata },
      blobs: { get: async () => CERTIFIED, getMany: async (ids: unknown[]) => ids.map(() => CERTIFIED) },
      lock: { enter: async () => () => undefined },
      budget: createBudget(upkeepLimits(2), new VirtualClock()),
      expectRoom: async () => undefined,
      accuse: (_: unknown, what: string, { err }: { err: ProtocolError }) =>
        void accused.push([what, err.code]),
      clock: new VirtualClock(),
      log: silentLog(),
    }) as unknown as TakeShardComponents
  const take = (parts: TakeShardComponents, urgency: () => Urgency = () => 'handoff') =>
    takeShard(parts, {
      shard: 0 as ShardIndex,
      source,
      findSource: async () => source,
      epoch: () => 1 as Epoch,
      urgency,
      after: undefined,
      onPage: async () => undefined,
      signal: new AbortController().signal,
    })
  type Lengths = { lengths: (id: BlobId) => Promise<{ primary: number; secondary: number } | undefined> }

  it('holds no more of a page than it asked for, and names a source that sends more', async () => {
    let held = 0
    // biome-ignore lint/correctness/useYield: it is asked for lengths alone
    const endless = async function* (_: unknown, __: unknown, { lengths }: Lengths) {
      for (let i = 1; i < 100; i++) {
        const wanted = await lengths(blobId(i))
        held += wanted!.primary + wanted!.secondary
      }
      return { whole: false }
    }
    assert.equal(await take(components(endless)), false)
    assert.ok(held < 16 * 1024 * 1024 + SIZE, `${held} bytes`)
    assert.deepEqual(accused, [['shard page', 'VIOLATION']])
  })

  it('pauses before each blob while a reader is served', async () => {
    const clock = new VirtualClock()
    const budget = createBudget(upkeepLimits(2), clock)
    const done = budget.serving()
    const asked: number[] = []
    // biome-ignore lint/correctness/useYield: it is asked for lengths alone
    const three = async function* (_: unknown, __: unknown, { lengths }: Lengths) {
      for (let i = 1; i <= 3; i++) {
        await lengths(blobId(i))
        asked.push(clock.monotonic())
        await clock.sleep(2)
      }
      return { whole: true }
    }
    await clock.advanceUntil(take({ ...components(three), budget, clock }), 1)
    assert.deepEqual(asked, [20, 42, 64])
    done()
  })

  it('verifies a MiB at a time, each when readers have had their turn, and names what is wrong in any', async () => {
    const verified: number[] = []
    let breaths = 0
    const stored: unknown[] = []
    const page = async function* (_: unknown, __: unknown, { lengths }: Lengths) {
      for (let i = 1; i <= 5; i++) {
        const { primary, secondary } = (await lengths(blobId(i)))!
        yield { blobId: blobId(i), primary: new Uint8Array(primary), secondary: new Uint8Array(secondary) }
      }
      return { whole: true }
    }
    const parts = components(page)
    const wrong = new Error('wrong') as ProtocolError
    Object.assign(parts, {
      budget: {
        breathe: async () => void breaths++,
        within: (_: unknown, __: unknown, ___: unknown, work: (grant: object) => Promise<unknown>) =>
          work({ spent: () => undefined, timing: (codec: unknown) => codec }),
      },
      codec: {
        async verifySlivers(list: { blobId: BlobId; ref: { axis: string } }[]) {
          verified.push(list.length)
          assert.equal(breaths, 5 + verified.length)
          return list.map(({ blobId: id, ref }) =>
            id === blobId(4) && ref.axis === 'secondary' ? wrong : undefined,
          )
        },
      },
      slivers: { putMany: async (list: unknown[]) => void stored.push(...list) },
      accuse: (_: unknown, what: string, { blobId: id }: { blobId: BlobId }) => void accused.push([what, id]),
    })
    accused.length = 0
    assert.equal(await take(parts), true)
    assert.equal(
      verified.reduce((a, b) => a + b, 0),
      10,
    )
    assert.ok(verified.length > 2, `${verified}`)
    assert.equal(stored.length, 9)
    assert.deepEqual(accused, [['sliver', blobId(4)]])
  })

  it('holds of a page what was granted before it was asked for, and a large blob in a page of its own', async () => {
    // pairs of 1 and of 31 MB
    const sizes = [2e8, 2e8, 7e9, 2e8, 2e8]
    const granted: number[] = []
    const urgencies: string[] = []
    let open = 0
    const budget = {
      breathe: async () => undefined,
      async within(urgency: string, bytes: number, _: unknown, work: (grant: object) => Promise<unknown>) {
        granted.push(bytes)
        urgencies.push(urgency)
        open++
        const grant = { spent: () => undefined, timing: (codec: unknown) => codec }
        return await work(grant).finally(() => open--)
      },
    }
    const held: number[] = []
    const page = async function* (
      _: unknown,
      query: { after?: BlobId; maxBytes: number },
      { lengths }: Lengths,
    ) {
      let sent = 0
      let at = query.after === undefined ? 1 : Buffer.from(query.after, 'base64url')[0]! + 1
      held.push(0)
      for (; at <= sizes.length; at++) {
        if (sent >= query.maxBytes) return { whole: false }
        const wanted = await lengths(blobId(at))
        sent += wanted!.primary + wanted!.secondary
        held[held.length - 1] = sent
        yield { blobId: blobId(at) }
      }
      return { whole: true }
    }
    const parts = {
      ...components(page),
      nShards: 1_000,
      budget,
      metadata: {
        get: async (id: BlobId) => ({ unencodedLength: sizes[Buffer.from(id, 'base64url')[0]! - 1] }),
      },
    } as unknown as TakeShardComponents
    // its epoch begins meanwhile
    const urgency = () => (granted.length < 2 ? 'prefetch' : 'handoff')
    assert.equal(await take(parts, urgency), true)
    assert.deepEqual(urgencies, ['prefetch', 'prefetch', 'handoff', 'handoff'])
    assert.deepEqual(
      granted.map(bytes => Math.round(bytes / 1e6)),
      [25, 25, 31, 25],
    )
    assert.deepEqual(
      held.map(bytes => Math.round(bytes / 1e6)),
      [2, 0, 31, 2],
    )
    assert.equal(open, 0)
    assert.ok(granted.every((bytes, i) => bytes >= held[i]!))
  })

  it('asks for nothing while there is no room for it', async () => {
    const parts = components(() => assert.fail('it was asked'))
    parts.expectRoom = async bytes => {
      assert.ok(bytes >= 16 * 1024 * 1024)
      throw disk
    }
    await assert.rejects(take(parts), disk)
  })

  it('does not blame the source for what goes wrong on this side', async () => {
    const page = async function* (_: unknown, __: unknown, { lengths }: Lengths) {
      await lengths(blobId(1))
      yield { blobId: blobId(1), primary: new Uint8Array(1) }
      return { whole: true }
    }
    const full = components(page, () => Promise.reject(disk))
    await assert.rejects(take(full), disk)
  })
})
