import assert from 'node:assert/strict'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { systemClock } from '../../../../base/clock.ts'
import { loadBuild } from '../../../../chain/compiled.ts'
import { createFaucet } from '../../../../chain/localnet/faucet.ts'
import { openLedger } from '../../../../chain/localnet/ledger/open.ts'
import { memoryStore } from '../../../../chain/localnet/ledger/store/memory.ts'
import { historyService } from '../../../../chain/localnet/rpc/services/history.ts'
import { TestChain } from '../support/chain.ts'

describe('chain/localnet/server: subscriptions', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  it('bring every checkpoint in order, and end with the server or the caller', async () => {
    const abort = new AbortController()
    const call = chain.client.subscriptionService.subscribeCheckpoints(
      { readMask: { paths: ['sequence_number', 'transactions.digest'] } },
      { abort: abort.signal },
    )
    call.status.catch(() => undefined)
    call.trailers.catch(() => undefined)
    await call.headers
    const sent = [
      await chain.localnet.faucet('0x1'),
      await chain.localnet.faucet('0x1'),
      await chain.localnet.faucet('0x1'),
    ]
    const seen: string[] = []
    let last: bigint | undefined
    for await (const { cursor, checkpoint } of call.responses) {
      if (last !== undefined) assert.equal(cursor, last + 1n)
      last = cursor
      seen.push(...checkpoint!.transactions.map(transaction => transaction.digest!))
      if (seen.length === sent.length) break
    }
    assert.deepEqual(
      seen,
      sent.map(gift => gift.digest),
    )
    abort.abort()
  })

  it('tell a filtered caller where they start and how far they are', async () => {
    const abort = new AbortController()
    const predicate = {
      oneofKind: 'eventType',
      eventType: { eventType: `${chain.packageId}::things::Noted` },
    } as const
    const call = chain.client.subscriptionService.subscribeEvents(
      { filter: { terms: [{ literals: [{ negated: false, predicate }] }] } },
      { abort: abort.signal },
    )
    call.status.catch(() => undefined)
    call.trailers.catch(() => undefined)
    const frames = call.responses[Symbol.asyncIterator]()
    const first = (await frames.next()).value as GrpcTypes.SubscribeEventsResponse
    const { response } = await chain.client.ledgerService.getServiceInfo({})
    assert.equal(first.watermark!.checkpoint, response.checkpointHeight)
    await chain.localnet.faucet('0x1')
    const passed = (await frames.next()).value as GrpcTypes.SubscribeEventsResponse
    assert.deepEqual(
      [passed.event, passed.watermark!.checkpoint],
      [undefined, first.watermark!.checkpoint! + 1n],
    )
    const tx = new Transaction()
    tx.moveCall({ target: chain.target('public_entry'), arguments: [tx.pure.u64(6)] })
    const { digest } = await chain.ok(tx)
    const found = (await frames.next()).value as GrpcTypes.SubscribeEventsResponse
    assert.equal(found.event!.transactionDigest, digest)
    abort.abort()
  })

  it('do not keep the server from closing', async () => {
    const other = await TestChain.start({ sample: false })
    const call = other.client.subscriptionService.subscribeCheckpoints({})
    call.trailers.catch(() => undefined)
    const ended = assert.rejects(async () => {
      for await (const _ of call.responses) assert.fail('nothing was executed')
      await call.status
    })
    await call.headers
    await other.close()
    await ended
  })

  it('cost little more for many that ask the same: a checkpoint is read and encoded once', async () => {
    const ledger = await openLedger({
      clock: systemClock,
      store: memoryStore(),
      framework: loadBuild('framework').modules,
    })
    try {
      let reads = 0
      const transaction = ledger.transaction.bind(ledger)
      ledger.transaction = digest => {
        reads++
        return transaction(digest)
      }
      const { subscription } = historyService(ledger)
      const abort = new AbortController()
      const call = { signal: abort.signal } as Parameters<typeof subscription.subscribeEvents>[1]
      const request = { readMask: { paths: ['digest', 'effects', 'events'] } }
      const first: unknown[] = []
      const followers = Array.from({ length: 200 }, async () => {
        const { value } = await (async () => {
          const frames = subscription.subscribeTransactions(request, call)
          // where it starts
          await frames.next()
          try {
            return await frames.next()
          } finally {
            await frames.return(undefined)
          }
        })()
        first.push(value)
      })
      await createFaucet(ledger).give('0x5')
      await Promise.all(followers)
      assert.equal(reads, 1)
      assert.ok(first[0] instanceof Uint8Array)
      assert.ok(first.every(bytes => bytes === first[0]))
      const { transaction: executed } = GrpcTypes.SubscribeTransactionsResponse.fromBinary(first[0])
      assert.equal(executed?.effects?.status?.success, true)
    } finally {
      await ledger.close()
    }
  })
})
