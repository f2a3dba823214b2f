import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Epoch, ObjectId, ShardIndex } from '../../../../codec/types.ts'
import { type PlanInput, planShards } from '../../../../node/storage/epochs/plan.ts'
import type { ShardRecord } from '../../../../node/storage/store/node-records.ts'

const me = '0x1' as ObjectId
const other = '0x2' as ObjectId
const third = '0x3' as ObjectId

/** A committee by its owners, shard by shard. */
function committee(epoch: number, owners: readonly ObjectId[]): PlanInput['current'] {
  const members = [...new Set(owners)].map((nodeId, index) => ({
    nodeId,
    index,
    name: '',
    networkAddress: '',
    networkPublicKey: new Uint8Array(),
    blsPublicKey: new Uint8Array(),
    multiaddrs: [],
    shards: owners.flatMap((owner, shard) => (owner === nodeId ? [shard as ShardIndex] : [])),
  }))
  return { epoch: epoch as Epoch, members }
}

interface Row {
  name: string
  previous?: ObjectId[]
  current: ObjectId[]
  next?: ObjectId[]
  records: Record<number, Omit<ShardRecord, 'epoch'> & { epoch: number }>
  change?: Record<number, Omit<ShardRecord, 'epoch'> & { epoch: number }>
  remove?: number[]
}

const EPOCH = 7
const rows: Row[] = [
  { name: 'no stake moves', previous: [me], current: [me], records: { 0: { state: 'active', epoch: 1 } } },
  {
    name: 'a shard is gained',
    previous: [other, me],
    current: [me, me],
    records: { 1: { state: 'active', epoch: 1 } },
    change: { 0: { state: 'gaining', epoch: 7, source: other } },
  },
  {
    name: 'a shard that nobody had',
    current: [me],
    records: {},
    change: { 0: { state: 'gaining', epoch: 7 } },
  },
  {
    name: 'one whose sync was cut short goes on where it was, with the epoch that it was gained in',
    previous: [me],
    current: [me],
    records: { 0: { state: 'gaining', epoch: 6, source: other } },
  },
  {
    name: 'one that was fetched ahead',
    previous: [other],
    current: [me],
    records: { 0: { state: 'gaining', epoch: 7, source: other } },
  },
  {
    name: 'a shard is lost',
    previous: [me],
    current: [other],
    records: { 0: { state: 'active', epoch: 1 } },
    change: { 0: { state: 'locked', epoch: 7 } },
  },
  {
    name: 'lost, with the next committee known to give it back: handed out until then',
    previous: [me],
    current: [other],
    next: [me],
    records: { 0: { state: 'locked', epoch: 7 } },
  },
  {
    name: 'lost in the epoch before and back in this one',
    previous: [other],
    current: [me],
    records: { 0: { state: 'locked', epoch: 6 } },
    change: { 0: { state: 'gaining', epoch: 7, source: other, kept: true } },
  },
  {
    name: 'a lost one stays for one epoch though its new owner has it',
    previous: [other],
    current: [other],
    records: { 0: { state: 'locked', epoch: 7, received: true } },
  },
  {
    name: 'and goes in the one after',
    previous: [other],
    current: [other],
    records: { 0: { state: 'locked', epoch: 6, received: true } },
    remove: [0],
  },
  {
    name: 'a lost one whose new owner does not report stays for two',
    previous: [other],
    current: [other],
    records: { 0: { state: 'locked', epoch: 6 } },
  },
  {
    name: 'and goes then',
    previous: [other],
    current: [other],
    records: { 0: { state: 'locked', epoch: 5 } },
    remove: [0],
  },
  {
    name: 'a shard of the next committee is fetched ahead, from who has it now',
    previous: [third],
    current: [other],
    next: [me],
    records: {},
    change: { 0: { state: 'gaining', epoch: 8, source: other } },
  },
  {
    name: 'once',
    previous: [third],
    current: [other],
    next: [me],
    records: { 0: { state: 'gaining', epoch: 8, source: other } },
  },
  {
    name: 'and is not given up while the next committee is not read again',
    previous: [third],
    current: [other],
    records: { 0: { state: 'gaining', epoch: 8, source: other } },
  },
  {
    name: 'a shard that left again before it was whole is locked as well: uploads may have brought some of it',
    previous: [me],
    current: [other],
    records: { 0: { state: 'gaining', epoch: 6, source: other } },
    change: { 0: { state: 'locked', epoch: 7 } },
  },
  {
    name: 'the node left altogether',
    previous: [me, me],
    current: [other, third],
    records: { 0: { state: 'active', epoch: 1 }, 1: { state: 'locked', epoch: 4 } },
    change: { 0: { state: 'locked', epoch: 7 } },
    remove: [1],
  },
]

function plan({ previous, current, next, records }: Omit<Row, 'name' | 'change' | 'remove'>) {
  return planShards({
    nodeId: me,
    previous: previous && committee(EPOCH - 1, previous),
    current: committee(EPOCH, current),
    next: next && committee(EPOCH + 1, next),
    records: new Map(Object.entries(records).map(([shard, record]) => [Number(shard), record])) as Map<
      ShardIndex,
      ShardRecord
    >,
  })
}

describe('the plan of shards', () => {
  for (const { name, change = {}, remove = [], ...input } of rows) {
    it(name, () => {
      const planned = plan(input)
      assert.deepEqual(Object.fromEntries(planned.change), change)
      assert.deepEqual(planned.remove, remove)
    })
  }

  it('has a record for every shard of the node, none of another active, and nothing left to do once done', () => {
    const owner = fc.constantFrom(me, other, third)
    const owners = fc.array(owner, { minLength: 6, maxLength: 6 })
    const record = fc.record({
      state: fc.constantFrom('active', 'gaining', 'locked'),
      epoch: fc.integer({ min: 4, max: EPOCH }),
    })
    fc.assert(
      fc.property(
        fc.option(owners, { nil: undefined }),
        owners,
        fc.option(owners, { nil: undefined }),
        fc.dictionary(fc.integer({ min: 0, max: 5 }).map(String), record as never, { maxKeys: 6 }),
        (previous, current, next, records) => {
          const input = { current, records, previous, next } as Row
          const { change, remove } = plan(input)
          const after = new Map(Object.entries(input.records).map(([k, v]) => [Number(k), v] as const))
          for (const [shard, changed] of change) after.set(shard, changed)
          for (const shard of remove) after.delete(shard)
          for (const [shard, name] of current.entries()) {
            const state = after.get(shard)?.state
            if (name === me) assert.ok(state === 'active' || state === 'gaining')
            else assert.notEqual(state, 'active')
          }
          const again = plan({ ...input, records: Object.fromEntries(after) })
          assert.deepEqual([again.change.size, again.remove], [0, []])
          // nothing is removed that the node has now or will have
          for (const shard of remove) assert.notEqual(current[shard], me)
        },
      ),
    )
  })
})
