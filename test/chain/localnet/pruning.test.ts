import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { systemClock } from '../../../base/clock.ts'
import { CheckpointHistory } from '../../../chain/client/history.ts'
import { RpcPool } from '../../../chain/client/rpc.ts'
import { loadBuild } from '../../../chain/compiled.ts'
import { isChainError } from '../../../chain/errors.ts'
import { createFaucet } from '../../../chain/localnet/faucet.ts'
import { repairLedger } from '../../../chain/localnet/index.ts'
import { openLedger } from '../../../chain/localnet/ledger/open.ts'
import type { KeyValueStore } from '../../../chain/localnet/ledger/store/key-value.ts'
import { memoryStore } from '../../../chain/localnet/ledger/store/memory.ts'
import { Pruner } from '../../../chain/localnet/ledger/store/pruner.ts'
import type { BatchWriter } from '../../../chain/localnet/ledger/store/writer.ts'
import { parseObjectId } from '../../../codec/index.ts'
import { TestChain } from './support/chain.ts'
import { samplePackage } from './support/packages.ts'

const KEPT = 10

describe('chain/localnet: a chain that is pruned', function () {
  this.timeout(60_000)
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'floe-pruning-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  const note = async (chain: TestChain, n = 1) => {
    const tx = new Transaction()
    tx.moveCall({ target: chain.target('public_entry'), arguments: [tx.pure.u64(n)] })
    return await chain.ok(tx)
  }
  const info = async ({ client }: TestChain) => (await client.ledgerService.getServiceInfo({})).response
  const checkpoint = async ({ client }: TestChain, sequenceNumber: bigint) =>
    await client.ledgerService.getCheckpoint({
      checkpointId: { oneofKind: 'sequenceNumber', sequenceNumber },
      readMask: { paths: ['*'] },
    })
  const numbers = async (call: {
    responses: AsyncIterable<GrpcTypes.ListCheckpointsResponse>
  }): Promise<{ found: bigint[]; reason: GrpcTypes.QueryEndReason | undefined }> => {
    const found: bigint[] = []
    let reason: GrpcTypes.QueryEndReason | undefined
    for await (const { checkpoint, end } of call.responses) {
      if (checkpoint) found.push(checkpoint.sequenceNumber!)
      reason = end?.reason ?? reason
    }
    return { found, reason }
  }

  it('answers for what it has dropped as a Sui node does, and goes on after a restart and a repair', async () => {
    const first = await TestChain.start({ dir, keepCheckpoints: KEPT })
    const old = await note(first)
    for (let n = 0; n < 2 * KEPT; n++) await note(first, n)
    const { checkpointHeight: height, lowestAvailableCheckpoint: lowest } = await info(first)
    // it works a little behind
    assert.ok(lowest! >= height! - BigInt(KEPT + 2) && lowest! <= height!, `${lowest} of ${height}`)
    await first.close()

    await assert.doesNotReject(repairLedger(dir))
    const chain = await TestChain.start({ dir, sample: false, keypair: first.keypair })
    try {
      chain.packageId = first.packageId
      // without the option it keeps what is there
      await note(chain)
      const { lowestAvailableCheckpoint: kept } = await info(chain)
      assert.ok(kept! >= lowest!)
      await assert.rejects(checkpoint(chain, kept! - 1n), { code: 'NOT_FOUND' })
      assert.equal((await checkpoint(chain, kept!)).response.checkpoint!.transactions.length, 1)
      const gone = async () => await chain.client.ledgerService.getTransaction({ digest: old.digest })
      await assert.rejects(gone, { code: 'NOT_FOUND' })
      const { client } = chain
      const list = (request: Partial<GrpcTypes.ListCheckpointsRequest>) =>
        numbers(client.ledgerService.listCheckpoints(request as GrpcTypes.ListCheckpointsRequest))
      await assert.rejects(list({ startCheckpoint: kept! - 1n }), { code: 'INVALID_ARGUMENT' })
      const all = Array.from({ length: Number(height! + 2n - kept!) }, (_, i) => kept! + BigInt(i))
      assert.deepEqual((await list({})).found, all)
      assert.deepEqual((await list({ startCheckpoint: kept! })).found, all)
      const { DESCENDING } = GrpcTypes.Ordering
      const back = await list({ options: { ordering: DESCENDING } as GrpcTypes.QueryOptions })
      assert.deepEqual(back.found, all.toReversed())
      assert.equal(back.reason, GrpcTypes.QueryEndReason.CHECKPOINT_BOUND)
      const events = await client.core.listEvents({ filter: { sender: chain.address } })
      assert.ok(events.events.length > 0)
    } finally {
      await chain.close()
    }
  })

  it('is told from one without events: a follower with a filter skips nothing', async () => {
    const chain = await TestChain.start({ keepCheckpoints: KEPT })
    const closed = new AbortController()
    try {
      for (let n = 0; n < 2 * KEPT; n++) await note(chain, n)
      const rpc = new RpcPool({
        clock: systemClock,
        random: Math.random,
        urls: [chain.localnet.url],
        network: 'localnet',
        closed: closed.signal,
      })
      const { signal } = closed
      const history = new CheckpointHistory(rpc, parseObjectId(chain.packageId))
      const lowest = await history.lowest(signal)
      assert.ok(lowest > 0n)
      const walk = async (from: bigint) => {
        let seen = 0
        for await (const { checkpoint } of history.range(from, lowest + 5n, signal)) if (checkpoint) seen++
        return seen
      }
      assert.equal(await walk(lowest), 5)
      await assert.rejects(
        walk(lowest - 1n),
        error => isChainError(error, 'HISTORY_PRUNED') && error.details.lowest === lowest,
      )
    } finally {
      closed.abort()
      await chain.close()
    }
  })

  it('has all events of a package that was published since, and tells that it does not of an older one', async () => {
    const chain = await TestChain.start({ keepCheckpoints: KEPT, sample: false })
    const closed = new AbortController()
    const { signal } = closed
    try {
      const rpc = new RpcPool({
        clock: systemClock,
        random: Math.random,
        urls: [chain.localnet.url],
        network: 'localnet',
        closed: signal,
      })
      for (let n = 0; n < 2 * KEPT; n++) await chain.localnet.faucet(chain.address)
      chain.packageId = (await chain.publish(await samplePackage('rules'))).packageId
      const history = new CheckpointHistory(rpc, parseObjectId(chain.packageId))
      assert.ok((await history.lowest(signal)) > 0n)
      assert.equal(await history.first(signal), await history.height(signal))
      for (let n = 0; n < 2 * KEPT; n++) await note(chain, n)
      await assert.rejects(history.first(signal), error => isChainError(error, 'HISTORY_PRUNED'))
    } finally {
      closed.abort()
      await chain.close()
    }
  })

  it('takes no more room, however long it runs', async () => {
    let compacted = 0
    const keys = new Set<string>()
    const inner = memoryStore()
    const store: KeyValueStore = {
      ...inner,
      async write(batch) {
        await inner.write(batch)
        for (const key of batch.delete) keys.delete(key)
        for (const key of batch.put.keys()) keys.add(key)
      },
      compact: async () => void compacted++,
    }
    const ledger = await openLedger({
      clock: systemClock,
      store,
      framework: loadBuild('framework').modules,
      keptCheckpoints: KEPT,
    })
    try {
      const faucet = createFaucet(ledger)
      for (let n = 0; n < 1050; n++) await faucet.give('0xa1')
    } finally {
      await ledger.close()
    }
    assert.ok(compacted > 0)
    const left = new Map<string, number>()
    for (const key of keys) {
      const kind = key.split('/')[0]!
      left.set(kind, (left.get(kind) ?? 0) + 1)
    }
    for (const kind of ['transaction', 'checkpoint', 'checkpoint-digest', 'outdated'])
      assert.ok(left.get(kind)! <= KEPT + 3, `${kind}: ${left.get(kind)}`)
  })

  it('goes on until nothing is left to drop, whatever came while it was busy', async () => {
    const busy = Promise.withResolvers<void>()
    const writer = {
      async *entries() {},
      get: async () => undefined,
      write: () => busy.promise,
      compact: async () => undefined,
    } as unknown as BatchWriter
    const pruner = new Pruner(writer, { keptCheckpoints: BigInt(KEPT) })
    pruner.reached(20n)
    pruner.reached(40n)
    busy.resolve()
    await pruner.idle()
    assert.equal(pruner.lowest, 31n)
  })

  it('executes nothing twice that it has forgotten, even what uses up no object', async () => {
    const chain = await TestChain.start({ keepCheckpoints: KEPT })
    try {
      const fund = new Transaction()
      fund.moveCall({
        target: '0x2::coin::send_funds',
        typeArguments: ['0x2::sui::SUI'],
        arguments: [fund.splitCoins(fund.gas, [1_000_000_000n]), fund.pure.address(chain.address)],
      })
      await chain.ok(fund)
      const tx = new Transaction()
      tx.setSender(chain.address)
      tx.setGasPayment([])
      tx.setGasBudget(10_000_000)
      tx.setGasPrice(1000)
      tx.setExpiration({
        ValidDuring: {
          minEpoch: '0',
          maxEpoch: '1',
          minTimestamp: null,
          maxTimestamp: null,
          chain: chain.localnet.chainId,
          nonce: 1,
        },
      })
      tx.moveCall({ target: chain.target('public_entry'), arguments: [tx.pure.u64(1)] })
      const bytes = await tx.build({ client: chain.client })
      const { digest } = await chain.submit(bytes)
      assert.equal((await chain.submit(bytes)).digest, digest)
      for (let n = 0; n < 2 * KEPT; n++) await note(chain, n)
      await assert.rejects(chain.submit(bytes), /was executed before/)
    } finally {
      await chain.close()
    }
  })
})
