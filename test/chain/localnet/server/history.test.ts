import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { TestChain } from '../support/chain.ts'

describe('chain/localnet/server: history', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  const note = async (n: number) => {
    const tx = new Transaction()
    tx.moveCall({ target: chain.target('public_entry'), arguments: [tx.pure.u64(n)] })
    return await chain.ok(tx)
  }
  const numbers = (events: { bcs: Uint8Array }[]) =>
    events.map(event => Number(bcs.u64().parse(event.bcs.subarray(0, 8))))

  it('pages through events forwards and backwards, by module, type and sender', async () => {
    for (const n of [1001, 1002, 1003, 1004, 1005]) await note(n)
    const noted = `${chain.packageId}::things::Noted`
    const seen: number[] = []
    let after: string | null | undefined
    do {
      const page = await chain.client.core.listEvents({ filter: { eventType: noted }, limit: 2, after })
      seen.push(...numbers(page.events))
      after = page.hasNextPage ? page.endCursor : null
    } while (after)
    assert.deepEqual(seen.slice(-5), [1001, 1002, 1003, 1004, 1005])
    const last = await chain.client.core.listEvents({
      filter: { eventType: noted },
      limit: 2,
      order: 'descending',
    })
    assert.deepEqual(numbers(last.events), [1005, 1004])
    const before = await chain.client.core.listEvents({
      filter: { eventType: noted },
      limit: 2,
      order: 'descending',
      before: last.endCursor,
    })
    assert.deepEqual(numbers(before.events), [1003, 1002])
    const none = await chain.client.core.listEvents({ filter: { sender: '0x1234' } })
    assert.deepEqual([none.events, none.hasNextPage], [[], false])
    const byModule = await chain.client.core.listEvents({
      filter: { emitModule: `${chain.packageId}::things` },
      order: 'descending',
      limit: 1,
    })
    assert.deepEqual(numbers(byModule.events), [1005])
  })

  it('finds transactions by what they call and whom they touch', async () => {
    const { digest } = await note(5)
    const find = async (predicate: GrpcTypes.TransactionLiteral['predicate']) => {
      const { responses } = chain.client.ledgerService.listTransactions({
        filter: { terms: [{ literals: [{ negated: false, predicate }] }] },
        options: { ordering: GrpcTypes.Ordering.DESCENDING, limit: 1 },
      })
      for await (const { transaction } of responses) if (transaction) return transaction.digest
      return undefined
    }
    const fn = chain.target('public_entry')
    assert.equal(await find({ oneofKind: 'moveCall', moveCall: { function: fn } }), digest)
    assert.equal(await find({ oneofKind: 'sender', sender: { address: chain.address } }), digest)
    assert.equal(
      await find({ oneofKind: 'affectedAddress', affectedAddress: { address: chain.address } }),
      digest,
    )
    assert.equal(await find({ oneofKind: 'emitModule', emitModule: { module: chain.packageId } }), digest)
    const published = await find({ oneofKind: 'packageWrite', packageWrite: {} })
    assert.ok(published && published !== digest)
    assert.equal(
      await find({ oneofKind: 'affectedObject', affectedObject: { objectId: '0x1234' } }),
      undefined,
    )
  })

  it('ends a listing as the protocol says', async () => {
    const list = async (request: Partial<GrpcTypes.ListCheckpointsRequest>) => {
      const frames: GrpcTypes.ListCheckpointsResponse[] = []
      for await (const frame of chain.client.ledgerService.listCheckpoints(request).responses)
        frames.push(frame)
      for (const frame of frames) assert.ok(frame.watermark?.cursor)
      assert.equal(frames.filter(frame => frame.end).length, 1)
      const { end, checkpoint, watermark } = frames.at(-1)!
      const found = frames.flatMap(frame =>
        frame.checkpoint ? [Number(frame.checkpoint.sequenceNumber)] : [],
      )
      return { found, reason: GrpcTypes.QueryEndReason[end!.reason!], last: checkpoint, watermark }
    }
    const bounded = await list({ startCheckpoint: 1n, endCheckpoint: 4n })
    assert.deepEqual(
      [bounded.found, bounded.reason, bounded.last],
      [[1, 2, 3], 'CHECKPOINT_BOUND', undefined],
    )
    assert.equal(bounded.watermark!.checkpoint, 3n)
    const limited = await list({ options: { limit: 2 } })
    assert.deepEqual(
      [limited.found, limited.reason, limited.last?.sequenceNumber],
      [[0, 1], 'ITEM_LIMIT', 1n],
    )
    const rest = await list({ endCheckpoint: 3n, options: { after: limited.watermark!.cursor } })
    assert.deepEqual(rest.found, [2])
    assert.equal((await list({})).reason, 'LEDGER_TIP')
    const empty = await list({ startCheckpoint: 10n ** 6n })
    assert.deepEqual([empty.found, empty.reason], [[], 'LEDGER_TIP'])
  })
})
