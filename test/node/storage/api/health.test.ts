import assert from 'node:assert/strict'
import type { ShardIndex } from '../../../../codec/types.ts'
import { ask, jsonOf } from '../../../support/http.ts'
import { startTestNode, type TestNode } from './support.ts'

describe("a storage node's health", () => {
  let node: TestNode
  beforeEach(async () => {
    node = await startTestNode()
  })
  afterEach(() => node.close())
  const read = async (query = '') => {
    const answer = await ask(`${await node.api()}/v1/health${query}`)
    assert.equal(answer.status, 200)
    return (jsonOf(answer) as { success: { data: Record<string, unknown> } }).success.data
  }

  it("has what Walrus's tools read, and Floe's own", async () => {
    const { uptime, ...told } = await read()
    assert.deepEqual(Object.keys(uptime as object), ['secs', 'nanos'])
    const owned = node.view.each.size
    assert.deepEqual(told, {
      epoch: node.view.epoch,
      publicKey: Buffer.from(node.publicKey).toString('base64'),
      nodeStatus: 'Active',
      eventProgress: { persisted: 7, pending: 0, highestFinishedEventIndex: null },
      shardSummary: {
        owned,
        ownedShardStatus: { unknown: 0, ready: owned, inTransfer: 0, inRecovery: 0 },
        readOnly: 0,
      },
      nodeId: node.chain.committee.members[1]!.nodeId,
      network: node.chain.network.systemObjectId,
      version: 'test',
      state: 'active',
      stateEpoch: node.view.epoch,
      shards: { active: owned, gaining: 0, locked: 0 },
      missing: {},
      reportedEpoch: null,
      followed: { checkpoint: 12, isTip: true },
      storedBlobs: 0,
      storedBytes: 0,
      table: { epoch: 1, digest: 'ab'.repeat(32), differing: 0 },
      work: {
        recovered: { slivers: 2, bytes: 300 },
        synced: { slivers: 0, bytes: 0 },
        served: { slivers: 0, bytes: 0 },
        scrubbed: { slivers: 0, bytes: 0 },
      },
      budget: { threads: 1.5, bytesPerSecond: 100, bytesInFlight: 50, heldBytes: 30, waiting: 2 },
      scrub: { epoch: node.view.epoch, over: true, checked: 3, bad: 1 },
      peersBackingOff: 4,
      disk: { freeBytes: 3_000, reservedBytes: 2_000, takesUploads: true },
    })
  })

  it('does not say that it has everything while it has not heard of all', async () => {
    for (const followed of [undefined, { checkpoint: 12n, isTip: false }]) {
      node.followed = followed
      const { nodeStatus, followed: told } = await read()
      assert.equal(nodeStatus, 'RecoveryCatchUp')
      assert.deepEqual(told, { checkpoint: followed === undefined ? null : 12, isTip: false })
    }
  })

  it('tells the key with which the node signs now, which may have been replaced', async () => {
    const url = `${await node.api()}/v1/health`
    for (const key of [node.publicKey, node.publicKey.toReversed()]) {
      node.publicKey = key
      const { success } = jsonOf(await ask(url)) as { success: { data: { publicKey: string } } }
      assert.equal(success.data.publicKey, Buffer.from(key).toString('base64'))
    }
  })

  it('tells how each shard stands, and nothing internal of what the chain could not be told', async () => {
    const owned = [...node.view.each.keys()]
    const [gaining, lacking, unknown] = owned as [ShardIndex, ShardIndex, ShardIndex]
    const locked = Math.max(...owned) + 1
    Object.assign(node.view, {
      state: 'recovering',
      trouble: 'epochSyncDone: http://internal',
      troubleCode: 'RPC_UNAVAILABLE',
      missing: { tail: 2 },
      reported: 1,
      each: new Map([
        ...owned
          .filter(shard => shard !== unknown)
          .map(
            shard =>
              [
                shard,
                { state: shard === gaining ? 'gaining' : 'active', lacking: shard === lacking },
              ] as const,
          ),
        [locked, { state: 'locked', lacking: false }],
      ]),
    })
    const told = await read('?detailed=true')
    assert.equal(told.nodeStatus, `RecoveryInProgress (${node.view.epoch})`)
    assert.deepEqual([told.trouble, told.missing, told.reportedEpoch], ['RPC_UNAVAILABLE', { tail: 2 }, 1])
    assert.ok(!JSON.stringify(told).includes('internal'))
    const ready = owned.length - 3
    assert.deepEqual(told.shardSummary, {
      owned: owned.length,
      ownedShardStatus: { unknown: 1, ready, inTransfer: 1, inRecovery: 1 },
      readOnly: 1,
    })
    const detail = told.shardDetail as Record<'owned' | 'other', { shard: number; status: string }[]>
    assert.deepEqual(detail.other, [{ shard: locked, status: 'readOnly' }])
    const statuses = new Map(detail.owned.map(({ shard, status }) => [shard, status]))
    assert.deepEqual(
      [gaining, lacking, unknown].map(shard => statuses.get(shard)),
      ['inTransfer', 'inRecovery', 'unknown'],
    )
  })
})
