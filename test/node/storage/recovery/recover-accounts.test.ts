import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Committees } from '../../../../chain/types/index.ts'
import { createCodec } from '../../../../codec/index.ts'
import type { Epoch, ShardIndex } from '../../../../codec/types.ts'
import { createMemberIndex } from '../../../../node/network/member-index.ts'
import { peerIdTextOf } from '../../../../node/network/peer-id.ts'
import { createRecoverAccounts, weightOfShards } from '../../../../node/storage/recovery/recover-accounts.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'
import { createWorld, EPOCH } from './support.ts'

const N = 10
const signal = new AbortController().signal
const peerOf = (known: Committees, member: number) =>
  peerIdTextOf(known.current.members[member]!.networkPublicKey)!

describe('what members take of stored slivers', () => {
  const codec = createCodec({ threads: 0 })
  after(() => codec.close())

  const world = () => createWorld({ codec, nShards: N, members: 3 })
  const storedBytes = 1_000 * 10
  const share = { spareBytes: 0, pacedBytesPerSecond: 100 } as never
  const allowance = (shards: number) => weightOfShards(shards, storedBytes, N)
  const make = () => {
    const clock = new VirtualClock()
    const { committees } = world()
    return {
      clock,
      committees,
      accounts: createRecoverAccounts({
        members: createMemberIndex(),
        nShards: N,
        storedBytes: () => storedBytes,
        clock,
        share,
      }),
    }
  }
  const waitOf = (act: () => void): number => {
    try {
      act()
      return 0
    } catch (error) {
      assert.ok(error instanceof ProtocolError && error.code === 'BUSY')
      return error.retryAfterMs!
    }
  }

  it('its lost shards weigh what there is at their crossings', async () => {
    const one = world()
    for (const size of [100, 40_000]) {
      using blob = await codec.encode(randomBytes(size), N)
      await one.add(blob)
    }
    let stored = 0
    for (const blobId of one.blobs.keys())
      for (const ref of await one.stores[1]!.list(blobId))
        stored += (await one.stores[1]!.get(blobId, ref))!.length
    let taken = 0
    for (const axis of ['primary', 'secondary'] as const) {
      const { symbols } = await one.sourceOf(1).open(
        {
          epoch: EPOCH,
          axis,
          targets: one.members[0]!.shards,
          sources: one.members[1]!.shards,
          blobs: { Ids: [...one.blobs.keys()] },
          proofs: false,
        },
        { peer: peerOf(one.committees, 0), signal },
      )
      for await (const cells of symbols()) for (const data of cells) taken += data!.length
    }
    // but for a few bytes at the head of each sliver
    const over = weightOfShards(one.members[0]!.shards.length, stored, N) - taken
    assert.ok(over >= 0 && over < taken / 100, `${over} bytes over ${taken}`)
  })

  it('is what their shards weigh as fast as they like, and then so much a second', async () => {
    const { clock, committees, accounts } = make()
    const mine = accounts.of(committees, peerOf(committees, 0), EPOCH)
    const all = allowance(committees.current.members[0]!.shards.length)
    for (let taken = 0; taken < all; taken += all / 8) {
      mine.expect()
      mine.took(all / 8)
    }
    // a burst of a second, and then a wait for what is taken beyond
    mine.expect()
    mine.took(300)
    assert.equal(
      waitOf(() => mine.expect()),
      2_000,
    )
    await clock.advance(1_999)
    assert.equal(
      waitOf(() => mine.expect()),
      1,
    )
    await clock.advance(1)
    mine.expect()
    // it is the member's, and not the request's
    mine.took(500)
    assert.equal(
      waitOf(() => accounts.of(committees, peerOf(committees, 0), EPOCH).expect()),
      5_000,
    )
  })

  it('does not count for others, nor for the next epoch', () => {
    const { committees, accounts } = make()
    const mine = accounts.of(committees, peerOf(committees, 0), EPOCH)
    mine.took(10 * storedBytes)
    assert.ok(waitOf(() => mine.expect()) > 0)
    accounts.of(committees, peerOf(committees, 1), EPOCH).expect()
    const later = { ...committees, epoch: (EPOCH + 1) as Epoch }
    accounts.of(later, peerOf(committees, 0), later.epoch).expect()
  })

  it('is more for one who has more shards, in the epoch that it asks for', () => {
    const { committees, accounts } = make()
    const { current } = committees
    const members = current.members.map((member, i) =>
      i === 0
        ? { ...member, shards: current.members.flatMap(({ shards }) => shards as ShardIndex[]) }
        : member,
    )
    const known = { ...committees, next: { ...current, epoch: (EPOCH + 1) as Epoch, members } } as Committees
    const now = accounts.of(known, peerOf(known, 0), EPOCH)
    now.took(allowance(4) + 1_000)
    assert.ok(waitOf(() => now.expect()) > 0)
    accounts.of(known, peerOf(known, 0), (EPOCH + 1) as Epoch).expect()
  })

  it('ends with BUSY in the middle of an answer, and before the next', async () => {
    const one = world()
    using blob = await codec.encode(randomBytes(28 * 1_000), N)
    const { blobId } = await one.add(blob)
    const clock = new VirtualClock()
    const accounts = createRecoverAccounts({
      members: createMemberIndex(),
      nShards: N,
      storedBytes: () => 0,
      clock,
      share,
    })
    const query = {
      epoch: EPOCH,
      axis: 'primary' as const,
      targets: one.members[0]!.shards,
      sources: one.members[1]!.shards,
      blobs: { Ids: [blobId] },
      proofs: false,
    }
    const context = { peer: peerOf(one.committees, 0), signal }
    const { symbols } = await one.sourceOf(1, { groupBytes: 1, accounts }).open(query, context)
    let groups = 0
    await assert.rejects(
      async () => {
        for await (const _ of symbols()) groups++
      },
      { code: 'BUSY' },
    )
    assert.equal(groups, 1)
    await assert.rejects(one.sourceOf(1, { accounts }).open(query, context), { code: 'BUSY' })
  })
})
