import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isChainError } from '../../chain/errors.ts'
import { createNetwork } from '../../chain/genesis/index.ts'
import { createCoordinator, keypairWallet } from '../../chain/index.ts'
import { startLocalnet } from '../../chain/localnet/index.ts'
import type { ChainEvent } from '../../chain/types/index.ts'
import { EPOCH_MS, MIB, seed, startTestNetwork, type TestNetwork } from './client/network.ts'

describe('chain/genesis', function () {
  this.timeout(60_000)

  describe('of 13 nodes with 100 shards', () => {
    let on: TestNetwork
    before(async () => {
      on = await startTestNetwork({ nodes: 13, nShards: 100 })
    })
    after(() => on?.close())

    it('ends in epoch 1, changed over, with every node in the committee', async () => {
      const { epoch, state, current, previous } = await on.coordinator.committees()
      assert.equal(epoch, 1)
      assert.equal(state.kind, 'done')
      assert.equal(previous, undefined)
      assert.equal(current.epoch, 1)
      assert.deepEqual(current.members.map(m => m.name).toSorted(), on.nodes.map(n => n.name).toSorted())
    })

    it('deals every shard out once, evenly', async () => {
      const { members } = (await on.coordinator.committees()).current
      const shards = members.flatMap(member => member.shards).sort((a, b) => a - b)
      assert.deepEqual(
        shards,
        Array.from({ length: 100 }, (_, i) => i),
      )
      for (const { shards: own } of members) assert.ok(own.length === 7 || own.length === 8)
    })

    it('has members in order of node ID, with what they registered', async () => {
      const { members } = (await on.coordinator.committees()).current
      const ids = members.map(member => member.nodeId)
      assert.deepEqual(ids, ids.toSorted())
      for (const [i, member] of members.entries()) {
        const node = on.nodes.find(n => n.name === member.name)!
        assert.equal(member.index, i)
        assert.equal(member.networkAddress, node.networkAddress)
        assert.deepEqual(member.networkPublicKey, node.networkPublicKey)
        assert.deepEqual(member.blsPublicKey, on.bls.publicKey(node.blsSecret))
        assert.deepEqual(member.multiaddrs, node.multiaddrs)
      }
    })

    it('has prices, capacity and epochs as voted', async () => {
      const system = await on.coordinator.system()
      assert.equal(system.epoch, 1)
      assert.equal(system.nShards, 100)
      assert.equal(system.storagePriceFrost, 11_000n)
      assert.equal(system.writePriceFrost, 20_000n)
      assert.equal(system.maxEpochsAhead, 53)
      assert.equal(system.epochDurationMs, EPOCH_MS)
      assert.equal(system.usedCapacityBytes, 0n)
      // node_capacity * n / weight, as 2f+1 back it
      assert.equal(system.totalCapacityBytes, (1024n * MIB * 100n) / 8n)
    })

    it('tells its story in events', async () => {
      const stop = new AbortController()
      const events: ChainEvent[] = []
      for await (const event of on.coordinator.follow({ signal: stop.signal })) {
        events.push(event)
        if (event.type === 'EpochChangeDone' && event.epoch === 1) stop.abort()
      }
      const types = events.map(event => event.type)
      assert.ok(types.indexOf('EpochParametersSelected') < types.indexOf('EpochChangeStart'))
      assert.ok(types.indexOf('EpochChangeStart') < types.indexOf('EpochChangeDone'))
      assert.equal(new Set(events.map(event => event.cursor)).size, events.length)
    })
  })

  it('finds its network again after a restart of the chain', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'floe-genesis-'))
    try {
      const first = await startTestNetwork({ dir })
      const before = await first.coordinator.committees()
      await first.close()
      const localnet = await startLocalnet({ dir })
      try {
        const network = await createNetwork({
          suiRpc: localnet.url,
          admin: first.admin,
          nShards: first.nShards,
          epochMs: EPOCH_MS,
          nodes: first.nodes,
          existing: first.network,
        })
        assert.equal(network.systemObjectId, first.network.systemObjectId)
        assert.deepEqual(network.suiRpc, [localnet.url])
        const coordinator = createCoordinator(network)
        assert.deepEqual(await coordinator.committees(), before)
        await coordinator.close()
      } finally {
        await localnet.close()
      }
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  })

  it('refuses epochs that are too short before it asks the chain', async () => {
    const attempt = (epochMs: number) =>
      createNetwork({
        suiRpc: 'http://127.0.0.1:1',
        admin: keypairWallet(seed(9, 9)),
        nShards: 10,
        epochMs,
        nodes: [],
      })
    for (const epochMs of [9_999, 0, -1, 10_000.5, Number.NaN]) {
      await assert.rejects(attempt(epochMs), error => {
        assert.ok(isChainError(error, 'INVALID_ARGUMENT'))
        assert.equal(error.details.what, 'epochMs')
        assert.match(error.message, /at least 10s/)
        return true
      })
    }
    await assert.rejects(attempt(10_000), { code: 'GENESIS_FAILED' })
  })

  it('says at which step it failed', async () => {
    const localnet = await startLocalnet({})
    try {
      const admin = keypairWallet(seed(9, 9))
      const attempt = createNetwork({
        suiRpc: localnet.url,
        admin,
        nShards: 10,
        epochMs: EPOCH_MS,
        nodes: [],
      })
      await assert.rejects(attempt, error => {
        assert.ok(isChainError(error, 'GENESIS_FAILED'))
        assert.equal(error.details.step, 'read the gas coins')
        assert.ok(isChainError(error.cause, 'NOT_ENOUGH_SUI'))
        return true
      })
    } finally {
      await localnet.close()
    }
  })
})
