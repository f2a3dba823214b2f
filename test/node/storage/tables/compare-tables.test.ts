import assert from 'node:assert/strict'
import { silentLog } from '../../../../base/log.ts'
import type { CommitteeMember } from '../../../../chain/types/index.ts'
import type { TableHead } from '../../../../codec/index.ts'
import type { Epoch, ObjectId, ShardIndex } from '../../../../codec/types.ts'
import { createTableComparison } from '../../../../node/storage/tables/compare-tables.ts'
import { Random } from '../../../support/random.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const MINUTE = 60_000
const anyId = (i: number): ObjectId => `0x${i.toString(16).padStart(64, '0')}` as ObjectId
const head = (first: number): TableHead => ({
  epoch: 5 as Epoch,
  cursor: 'c',
  blobs: 1,
  pages: 1,
  first: new Uint8Array(32).fill(first),
})

/** One member of many that compares its table with what others tell; how often each was asked, and of how many it knows that they differ. */
function comparing(count: number, tell: (member: number) => readonly TableHead[]) {
  const members = Array.from(
    { length: count },
    (_, i): CommitteeMember => ({
      index: i,
      nodeId: anyId(i),
      name: `node-${i}`,
      networkAddress: '',
      networkPublicKey: Uint8Array.of(i >> 8, i & 0xff),
      blsPublicKey: new Uint8Array(),
      multiaddrs: [],
      shards: [i as ShardIndex],
    }),
  )
  const clock = new VirtualClock()
  const asked = new Map<number, number>()
  let differing = 0
  const comparison = createTableComparison({
    nodeId: anyId(0),
    networkId: anyId(9_999),
    committees: {
      get: async () => ({
        epoch: 5 as Epoch,
        state: { kind: 'done', sinceMs: 0 },
        current: { epoch: 5 as Epoch, nShards: count, members },
      }),
    },
    peers: {
      async snapshots({ peerId }) {
        const member = Number(peerId)
        asked.set(member, (asked.get(member) ?? 0) + 1)
        return [...tell(member)]
      },
    },
    book: { address: ({ index }) => ({ peerId: String(index), multiaddrs: [] }), failed() {} },
    metrics: {
      tables(_, others) {
        differing = others
      },
    },
    clock,
    random: new Random(1).next,
    log: silentLog(),
  })
  comparison.start()
  return {
    asked,
    clock,
    comparison,
    get differing() {
      return differing
    },
  }
}

describe('a blob table', () => {
  it('is compared with those of all others, once with each that has told', async () => {
    const { asked, clock, comparison } = comparing(100, () => [head(1)])
    comparison.own(head(1))
    await clock.advance(5 * MINUTE)
    await comparison.stop()
    assert.deepEqual(
      [...asked.keys()].sort((a, b) => a - b),
      Array.from({ length: 99 }, (_, i) => i + 1),
    )
    assert.deepEqual(new Set(asked.values()), new Set([1]))
  })

  it('is compared with those of some, the same until they have told, where more are than any committee has', async () => {
    let isWritten = false
    const world = comparing(400, member => (isWritten ? [head(member < 200 ? 1 : 2)] : []))
    const { asked, clock, comparison } = world
    comparison.own(head(1))
    await clock.advance(3 * MINUTE)
    const first = new Set(asked.keys())
    assert.equal(first.size, 150)
    isWritten = true
    await clock.advance(5 * MINUTE)
    assert.deepEqual(new Set(asked.keys()), first)
    assert.equal(world.differing, [...first].filter(member => member >= 200).length)
    assert.ok(world.differing > 0)
    const before = new Map(asked)
    await clock.advance(5 * MINUTE)
    assert.deepEqual(asked, before)
    // of a newer table others are asked
    comparison.own(head(1))
    await clock.advance(3 * MINUTE)
    await comparison.stop()
    assert.ok(asked.size > 150)
  })
})
