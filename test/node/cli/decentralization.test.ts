import assert from 'node:assert/strict'
import type { Committee, NodeRecord } from '../../../chain/types/index.ts'
import type { Epoch, ObjectId } from '../../../codec/types.ts'
import { decentralization, nakamoto } from '../../../node/cli/networks/decentralization.ts'

const id = (value: number) => `0x${String(value).padStart(64, '0')}` as ObjectId

const node = (nodeId: number, operator: number, stakedFrost: bigint, activationEpoch = 0) =>
  ({
    nodeId: id(nodeId),
    name: `node-${nodeId}`,
    operator: id(operator),
    stakedFrost,
    activationEpoch: activationEpoch as Epoch,
  }) as NodeRecord

function committee(shards: Record<number, number>) {
  const members = Object.entries(shards).map(([nodeId, count]) => ({
    nodeId: id(Number(nodeId)),
    shards: Array.from({ length: count }, (_, i) => i),
  }))
  return { epoch: 7 as Epoch, nShards: 10, members: members as unknown as Committee['members'] }
}

describe('decentralization', () => {
  it('counts how few hold more than a third', () => {
    assert.equal(nakamoto([]), 0)
    assert.equal(nakamoto([0n, 0n]), 0)
    assert.equal(nakamoto([1n]), 1)
    assert.equal(nakamoto([1n, 1n, 1n]), 2, 'a third is not more than a third')
    assert.equal(nakamoto([1n, 2n, 3n, 4n]), 1, '4 of 10')
    assert.equal(nakamoto(Array.from({ length: 100 }, () => 1n)), 34)
  })

  it('takes nodes of one operator together, members or not', () => {
    const { value } = decentralization(committee({ 1: 3, 2: 4, 3: 3 }), [
      node(1, 20, 30n, 5),
      node(2, 21, 40n, 4),
      node(3, 20, 20n, 2),
      node(4, 22, 10n, 8),
    ])
    assert.deepEqual(value, {
      epoch: 7,
      nShards: 10,
      stakedFrost: 100n,
      nakamoto: { shards: 1, stake: 1 },
      largestShare: { shards: 0.6, stake: 0.5 },
      operators: [
        { operator: id(20), nodes: ['node-1', 'node-3'], shards: 6, stakedFrost: 50n, sinceEpoch: 2 },
        { operator: id(21), nodes: ['node-2'], shards: 4, stakedFrost: 40n, sinceEpoch: 4 },
        { operator: id(22), nodes: ['node-4'], shards: 0, stakedFrost: 10n, sinceEpoch: 8 },
      ],
    })
  })

  it('has something to say of a network without nodes', () => {
    assert.match(String(decentralization(committee({}), []).text), /operators +0, of 0 nodes/)
  })
})
