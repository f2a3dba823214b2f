import assert from 'node:assert/strict'
import type { Committee, CommitteeMember } from '../../../../chain/types/index.ts'
import type { Epoch, ObjectId, ShardIndex } from '../../../../codec/types.ts'
import type { ReportedTable } from '../../../../node/storage/tables/ask-heads.ts'
import { agreedTables } from '../../../../node/storage/tables/choose-table.ts'

const member = (name: string, shards: number): CommitteeMember => ({
  index: 0,
  nodeId: name as ObjectId,
  name,
  networkAddress: '',
  networkPublicKey: new Uint8Array(33),
  blsPublicKey: new Uint8Array(48),
  multiaddrs: [],
  shards: Array.from({ length: shards }, (_, i) => i as ShardIndex),
})
const committee = (...members: CommitteeMember[]): Committee => ({
  epoch: 5 as Epoch,
  nShards: 10,
  members,
})
const report = (of: CommitteeMember, digest: string, epoch = 5): ReportedTable => ({
  member: of,
  digest,
  head: { epoch: epoch as Epoch, cursor: 'c', blobs: 0, pages: 0, first: new Uint8Array(32) },
})

describe('which blob table to take', () => {
  const [small, other, third, large] = [member('a', 2), member('b', 1), member('c', 1), member('d', 6)]
  const current = committee(small, other, third, large)

  it('is one that more weight has than can lie, counted in shards of one committee', () => {
    const of = (...reports: ReportedTable[]) =>
      agreedTables({ current }, reports).map(([{ digest } = { digest: '' }]) => digest)
    // three nodes, but 3 of 10 shards
    assert.deepEqual(of(report(small, 'x'), report(other, 'x')), [])
    assert.deepEqual(of(report(small, 'x'), report(other, 'x'), report(third, 'x')), ['x'])
    assert.deepEqual(of(report(large, 'x')), ['x'])
    assert.deepEqual(of(report(small, 'x'), report(other, 'y'), report(third, 'y')), [])
    // not twice
    assert.deepEqual(of(report(small, 'x'), report(small, 'x')), [])
    // halves of two committees are none
    const previous = committee(member('e', 3), member('f', 7))
    const halves = [report(small, 'x'), report(other, 'x'), report(previous.members[0]!, 'x')]
    assert.deepEqual(agreedTables({ current, previous }, halves), [])
  })

  it('is the newest of those', () => {
    const reports = [report(large, 'old', 4), report(large, 'new', 5), report(large, 'older', 3)]
    assert.deepEqual(
      agreedTables({ current }, reports).map(([one]) => one!.digest),
      ['new', 'old', 'older'],
    )
  })
})
