import assert from 'node:assert/strict'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import * as fc from 'fast-check'
import { checkRequest, REQUEST_LIMITS } from '../../../../chain/localnet/rpc/request-bounds.ts'
import { TestChain } from '../support/chain.ts'

/** A length-delimited field. */
const field = (no: number, payload: Uint8Array): Buffer => {
  const head: number[] = []
  for (const value of [no * 8 + 2, payload.length]) {
    let left = value
    for (; left > 127; left = Math.floor(left / 128)) head.push((left % 128) + 128)
    head.push(left)
  }
  return Buffer.concat([Uint8Array.from(head), payload])
}

/** `google.protobuf.Value` that is a list of one list of one list... */
const nestedValue = (depth: number): Buffer => {
  let bytes: Buffer = Buffer.alloc(0)
  for (let i = 0; i < depth; i++) bytes = field(6, field(1, bytes))
  return bytes
}

const all = async <T>(messages: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = []
  for await (const message of messages) list.push(message)
  return list
}

const refuses = (type: Parameters<typeof checkRequest>[0], bytes: Uint8Array, message: RegExp) =>
  assert.throws(() => checkRequest(type, bytes), { code: 'INVALID_ARGUMENT', message })

describe('chain/localnet/server: bounds of a request', () => {
  const { SimulateTransactionRequest, BatchGetObjectsRequest, GetObjectRequest } = GrpcTypes

  it('are looked at on the wire: depth, number of messages and of fields', () => {
    refuses(GrpcTypes.Input, field(1000, nestedValue(REQUEST_LIMITS.maxDepth)), /nests deeper/)
    checkRequest(GrpcTypes.Input, field(1000, nestedValue(40)))
    const many = (n: number) => Buffer.alloc(2 * n, Uint8Array.of(1 * 8 + 2, 0))
    checkRequest(BatchGetObjectsRequest, many(1000))
    refuses(BatchGetObjectsRequest, many(REQUEST_LIMITS.maxMessages), /more than 4096 messages/)
    refuses(
      SimulateTransactionRequest,
      many(REQUEST_LIMITS.maxTransactionMessages),
      /more than 65536 messages/,
    )
    refuses(GetObjectRequest, Buffer.alloc(2 * (REQUEST_LIMITS.maxFields + 1), 8), /more than 262144 fields/)
    // groups, which decoders skip by recursion
    refuses(GetObjectRequest, Buffer.alloc(1000, 8 * 9 + 3), /unknown kind/)
    refuses(GetObjectRequest, field(1, Buffer.from('0x2')).subarray(0, -1), /cut off/)
  })

  it('let everything through that can be decoded, and throw nothing but refusals', () => {
    const request = fc.record({
      objectId: fc.string(),
      version: fc.bigInt(0n, 2n ** 64n - 1n),
      readMask: fc.record({ paths: fc.array(fc.string()) }),
    })
    fc.assert(
      fc.property(fc.array(request, { maxLength: 20 }), requests => {
        checkRequest(BatchGetObjectsRequest, BatchGetObjectsRequest.toBinary({ requests }))
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        try {
          checkRequest(SimulateTransactionRequest, bytes)
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'INVALID_ARGUMENT')
        }
      }),
    )
  })

  describe('in every reader', function () {
    this.timeout(60_000)
    let chain: TestChain
    before(async () => {
      chain = await TestChain.start()
    })
    after(() => chain?.close())

    const invalid = { code: 'INVALID_ARGUMENT' }

    it('read masks: depth, length, number', async () => {
      const get = (paths: string[]) =>
        chain.client.ledgerService.getObject({ objectId: '0x2', readMask: { paths } }).response
      await assert.rejects(get(['a.'.repeat(100_000)]), invalid)
      await assert.rejects(get([`json.${'a.'.repeat(16)}a`]), invalid)
      await assert.rejects(get([`json.${'a'.repeat(600)}`]), invalid)
      await assert.rejects(get(Array(257).fill('version')), invalid)
      assert.equal((await get(Array(256).fill('version'))).object?.version, 1n)
      await assert.rejects(get(['']), invalid)
    })

    it('batches: number of requests, and what the reply would weigh', async () => {
      const { ledgerService } = chain.client
      const requests = (n: number) => Array.from({ length: n }, () => ({ objectId: '0x2' }))
      await assert.rejects(ledgerService.batchGetObjects({ requests: requests(20_000) }).response, invalid)
      await assert.rejects(
        ledgerService.batchGetObjects({ requests: requests(1000), readMask: { paths: ['*'] } }).response,
        { code: 'RESOURCE_EXHAUSTED', message: /ask for fewer/ },
      )
      const { response } = await ledgerService.batchGetObjects({ requests: requests(1000) })
      assert.equal(response.objects.length, 1000)
      await assert.rejects(
        ledgerService.batchGetTransactions({ digests: Array(1001).fill('a') }).response,
        invalid,
      )
    })

    it('types: length and depth, wherever they are', async () => {
      const { stateService, ledgerService } = chain.client
      const deep = (n: number) => `${'vector<'.repeat(n)}u8${'>'.repeat(n)}`
      for (const coinType of [deep(100), deep(50_000), `0x2::a::${'a'.repeat(9000)}`, 'u8,u8', '']) {
        await assert.rejects(stateService.getBalance({ owner: '0x1', coinType }).response, invalid)
        await assert.rejects(
          stateService.listOwnedObjects({ owner: '0x1', objectType: coinType || 'x' }).response,
          invalid,
        )
        const eventType = { eventType: coinType || 'x' }
        const filter = {
          terms: [
            { literals: [{ negated: false, predicate: { oneofKind: 'eventType', eventType } as const }] },
          ],
        }
        await assert.rejects(all(ledgerService.listEvents({ filter }).responses), invalid)
        const moveCall = {
          package: '0x2',
          module: 'a',
          function: 'b',
          typeArguments: [coinType],
          arguments: [],
        }
        const data: NonNullable<GrpcTypes.TransactionKind['data']> = {
          oneofKind: 'programmableTransaction',
          programmableTransaction: {
            inputs: [],
            commands: [{ command: { oneofKind: 'moveCall', moveCall } }],
          },
        }
        const transaction = { sender: '0x1', kind: { kind: 1, data } }
        await assert.rejects(
          chain.client.transactionExecutionService.simulateTransaction({ transaction }).response,
          invalid,
        )
      }
    })

    it('filters: number of terms and literals', async () => {
      const literal = {
        negated: false,
        predicate: { oneofKind: 'sender', sender: { address: '0x1' } },
      } as const
      const list = (terms: number, literals: number) =>
        all(
          chain.client.ledgerService.listEvents({
            filter: { terms: Array(terms).fill({ literals: Array(literals).fill(literal) }) },
            options: { limit: 1 } as GrpcTypes.QueryOptions,
          }).responses,
        )
      await list(8, 15)
      await assert.rejects(list(8, 16), invalid)
      await assert.rejects(list(2000, 0), invalid)
    })

    it('types in the bytes of a transaction', async () => {
      const bytes = Buffer.concat([
        // V1, programmable, no inputs, one call of 0x..::a::b with one type argument, a vector of vectors
        Buffer.from([0, 0, 0, 1, 0]),
        Buffer.alloc(32, 2),
        Buffer.from([1, 97, 1, 98, 1]),
        Buffer.alloc(3000, 6),
        Buffer.from([1, 0]),
      ])
      const { transactionExecutionService: service } = chain.client
      const transaction = { bcs: { value: Uint8Array.from(bytes) } }
      await assert.rejects(service.simulateTransaction({ transaction }).response, {
        code: 'INVALID_ARGUMENT',
        message: /maximum type argument/,
      })
    })

    it('pages: they end where a reply would become too large for clients, and go on from there', async () => {
      const owner = `0x${'c'.repeat(64)}`
      const size = 200_000
      for (let i = 0; i < 12; i++) {
        const tx = new Transaction()
        tx.transferObjects(
          [tx.moveCall({ target: chain.target('bytes'), arguments: [tx.pure.u64(size)] })],
          owner,
        )
        await chain.ok(tx)
      }
      const ids = new Set<string>()
      let pages = 0
      let pageToken: Uint8Array | undefined
      do {
        const { response } = await chain.client.stateService.listOwnedObjects({
          owner,
          pageSize: 1000,
          pageToken,
          readMask: { paths: ['object_id', 'contents'] },
        })
        assert.ok(response.objects.length < 12)
        for (const object of response.objects) ids.add(object.objectId!)
        pageToken = response.nextPageToken
        pages++
      } while (pageToken)
      assert.deepEqual([ids.size, pages], [12, 2])
    })

    it('JSON: what would have too many values comes without', async () => {
      const simulate = async (size: number) => {
        const tx = new Transaction()
        const numbers = tx.makeMoveVec({ type: 'u16', elements: Array(size).fill(tx.pure.u16(1)) })
        const lists = Array.from({ length: 500 }, () => numbers)
        tx.makeMoveVec({ type: 'vector<u16>', elements: lists })
        const { response } = await chain.client.transactionExecutionService.simulateTransaction({
          transaction: { bcs: { value: await chain.build(tx) } },
          readMask: { paths: ['command_outputs'] },
        })
        return response.commandOutputs[1]!.returnValues[0]!
      }
      assert.equal((await simulate(30)).json?.kind.oneofKind, 'listValue')
      const large = await simulate(500)
      assert.deepEqual([large.json, large.value!.value!.length > 500_000], [undefined, true])
    })
  })
})
