import assert from 'node:assert/strict'
import { request } from 'node:http'
import { bcs } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { dataFrame } from '../../../chain/localnet/rpc/framing.ts'
import { TestChain } from './support/chain.ts'

const path = '/sui.rpc.v2.LedgerService/GetServiceInfo'

/** Frames of a gRPC-web reply: messages, then the trailer's text. */
function readFrames(body: Buffer): { messages: Buffer[]; trailer: string } {
  const messages: Buffer[] = []
  let trailer = ''
  for (let at = 0; at < body.length; ) {
    const length = body.readUInt32BE(at + 1)
    const payload = body.subarray(at + 5, at + 5 + length)
    if (body[at] === 0x80) trailer = payload.toString()
    else messages.push(payload)
    at += 5 + length
  }
  return { messages, trailer }
}

describe('chain/localnet: the server', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  const post = (to: string, init: RequestInit) => fetch(chain.localnet.url + to, { method: 'POST', ...init })
  const empty = dataFrame(new Uint8Array(0), 'binary')
  const binary = { 'content-type': 'application/grpc-web+proto' }
  const call = async (to: string, body: Uint8Array = empty) => {
    const response = await post(to, { headers: binary, body: Buffer.from(body) })
    return readFrames(Buffer.from(await response.arrayBuffer()))
  }

  describe('framing', () => {
    it('answers binary with binary and text with text', async () => {
      const { messages, trailer } = await call(path)
      assert.equal(GrpcTypes.GetServiceInfoResponse.fromBinary(messages[0]!).chainId, chain.localnet.chainId)
      assert.match(trailer, /grpc-status:0/)
      const response = await post(path, {
        headers: { 'content-type': 'application/grpc-web-text' },
        body: Buffer.from(empty).toString('base64'),
      })
      assert.match(response.headers.get('content-type')!, /grpc-web-text/)
      const text = await response.text()
      assert.match(text, /^[A-Za-z0-9+/=]+$/)
    })

    it('tells what is wrong with a request by its status', async () => {
      const status = async (to: string, body?: Uint8Array) =>
        /grpc-status:(\d+)/.exec((await call(to, body)).trailer)![1]
      assert.equal(await status('/sui.rpc.v2.LedgerService/Nothing'), '12')
      assert.equal(await status(path, new Uint8Array(3)), '3')
      assert.equal(await status(path, Buffer.concat([empty, empty])), '3')
      assert.equal(await status(path, dataFrame(Uint8Array.of(0xff), 'binary')), '3')
      assert.equal(await status('/sui.rpc.v2.LedgerService/GetObject'), '3')
    })

    it('speaks HTTP to those who do not speak gRPC-web', async () => {
      assert.equal((await fetch(chain.localnet.url)).status, 404)
      assert.equal((await post(path, { headers: { 'content-type': 'text/plain' }, body: 'x' })).status, 415)
      assert.equal((await post(path, { headers: binary, body: Buffer.alloc(2 ** 20 + 1) })).status, 413)
    })
  })

  describe('browsers', () => {
    const withHeaders = (headers: Record<string, string>, method = 'POST') =>
      new Promise<{ status: number; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
        const { port } = new URL(chain.localnet.url)
        const outgoing = request(
          { host: '127.0.0.1', port, path, method, headers: { ...binary, ...headers } },
          incoming => {
            incoming
              .resume()
              .on('end', () => resolve({ status: incoming.statusCode!, headers: incoming.headers }))
          },
        )
        outgoing.on('error', reject).end(method === 'POST' ? Buffer.from(empty) : undefined)
      })

    it('may call from pages of this machine', async () => {
      const { headers, status } = await withHeaders({ origin: 'http://localhost:5173' }, 'OPTIONS')
      assert.equal(status, 204)
      assert.equal(headers['access-control-allow-origin'], 'http://localhost:5173')
      assert.match(String(headers['access-control-allow-headers']), /x-grpc-web/)
      assert.equal(
        (await withHeaders({ origin: 'http://127.0.0.1:1' })).headers['access-control-allow-origin'],
        'http://127.0.0.1:1',
      )
    })

    it('may not from others, nor by another name for this machine', async () => {
      for (const origin of ['https://example.com', 'http://localhost.example.com', 'null']) {
        const { status, headers } = await withHeaders({ origin })
        assert.deepEqual([status, headers['access-control-allow-origin']], [403, undefined])
      }
      assert.equal((await withHeaders({ host: 'example.com' })).status, 403)
      assert.equal((await withHeaders({ host: 'localhost:1' })).status, 200)
    })
  })

  describe('reads', () => {
    it('gives only what the mask asks for, and refuses fields that are not there', async () => {
      const get = async (paths: string[]) => {
        const { response } = await chain.client.ledgerService.getObject({
          objectId: '0x2',
          readMask: { paths },
        })
        return Object.keys(response.object!).filter(
          key => response.object![key as keyof GrpcTypes.Object] !== undefined,
        )
      }
      assert.deepEqual(await get(['version']), ['version'])
      assert.deepEqual((await get(['owner', 'object_id'])).sort(), ['objectId', 'owner'])
      assert.ok((await get(['*'])).includes('package'))
      await assert.rejects(get(['nothing']), /read_mask/)
      await assert.rejects(get(['owner.nothing']), /read_mask/)
      const { response } = await chain.client.ledgerService.getObject({ objectId: '0x2' })
      assert.deepEqual([response.object!.version, response.object!.owner], [1n, undefined])
    })

    it('reaches into messages with the mask', async () => {
      const thing = await chain.thing()
      const { object } = await chain.client.getObject({
        objectId: thing,
        include: { previousTransaction: true },
      })
      const { response } = await chain.client.ledgerService.getTransaction({
        digest: object.previousTransaction!,
        readMask: { paths: ['effects.changed_objects.object_type', 'transaction.sender'] },
      })
      const { effects, transaction, digest, events } = response.transaction!
      assert.deepEqual([digest, events], [undefined, undefined])
      assert.deepEqual([transaction!.sender, transaction!.kind], [chain.address, undefined])
      assert.equal(effects!.bcs, undefined)
      assert.ok(effects!.changedObjects.every(change => change.objectType && change.objectId === undefined))
    })

    it('says what is not there', async () => {
      await assert.rejects(chain.client.getObject({ objectId: '0x1234' }), /not found/)
      const { objects } = await chain.client.getObjects({ objectIds: ['0x1234', '0x6'] })
      assert.ok(objects[0] instanceof Error && !(objects[1] instanceof Error))
      await assert.rejects(chain.client.getTransaction({ digest: '9'.repeat(43) }))
      await assert.rejects(
        chain.client.ledgerService.getCheckpoint({
          checkpointId: { oneofKind: 'sequenceNumber', sequenceNumber: 10n ** 9n },
        }).response,
        { code: 'NOT_FOUND' },
      )
      await assert.rejects(chain.client.ledgerService.getEpoch({ epoch: 5n }).response, { code: 'NOT_FOUND' })
      await assert.rejects(
        chain.client.movePackageService.getFunction({ packageId: '0x2', moduleName: 'coin', name: 'x' })
          .response,
        { code: 'NOT_FOUND' },
      )
      await assert.rejects(chain.client.movePackageService.getPackage({ packageId: '0x6' }).response, {
        code: 'INVALID_ARGUMENT',
      })
      assert.equal((await chain.client.core.resolveNameServiceAddress({ name: 'a.sui' })).address, null)
    })

    it('reads old versions of objects', async () => {
      const thing = await chain.thing(1)
      const { object } = await chain.client.getObject({ objectId: thing })
      const tx = new Transaction()
      tx.moveCall({ target: chain.target('set'), arguments: [tx.object(thing), tx.pure.u64(2)] })
      await chain.ok(tx)
      const read = async (version: string) => {
        const { response } = await chain.client.ledgerService.getObject({
          objectId: thing,
          version: BigInt(version),
          readMask: { paths: ['digest', 'contents'] },
        })
        return response.object!
      }
      const old = await read(object.version)
      assert.equal(old.digest, object.digest)
      assert.equal(old.contents!.value![32], 1)
      await assert.rejects(read('1'), { code: 'NOT_FOUND' })
    })

    it('describes packages, functions and types', async () => {
      const { response } = await chain.client.movePackageService.getPackage({ packageId: chain.packageId })
      const [module] = response.package!.modules
      const shape = module!.datatypes.find(type => type.name === 'Shape')!
      assert.equal(shape.kind, GrpcTypes.DatatypeDescriptor_DatatypeKind.ENUM)
      assert.deepEqual(
        shape.variants.map(variant => variant.name),
        ['Dot', 'Circle'],
      )
      const { function: typed } = await chain.client.core.getMoveFunction({
        packageId: chain.packageId,
        moduleName: 'things',
        name: 'typed',
      })
      assert.deepEqual(typed.typeParameters[0]!.constraints.toSorted(), ['drop', 'store'])
      assert.equal(typed.visibility, 'public')
      assert.equal(typed.parameters[0]!.body.$kind, 'vector')
    })

    it('renders objects and events as JSON', async () => {
      const tx = new Transaction()
      tx.moveCall({ target: chain.target('drawn') })
      const executed = await chain.ok(tx)
      assert.deepEqual(executed.events![0]!.json, {
        shape: { '@variant': 'Circle', radius: '3' },
        names: ['a', 'b'],
        nothing: null,
      })
    })

    it('has a checkpoint for every transaction, each naming the one before', async () => {
      const { digest } = await chain.localnet.faucet('0x1')
      const { Transaction: executed } = await chain.client.getTransaction({ digest })
      const get = async (checkpointId: GrpcTypes.GetCheckpointRequest['checkpointId']) =>
        (await chain.client.ledgerService.getCheckpoint({ checkpointId, readMask: { paths: ['*'] } }))
          .response.checkpoint!
      const sequenceNumber = BigInt(executed!.checkpoint!)
      const checkpoint = await get({ oneofKind: 'sequenceNumber', sequenceNumber })
      const before = await get({ oneofKind: 'sequenceNumber', sequenceNumber: sequenceNumber - 1n })
      assert.equal(checkpoint.summary!.previousDigest, before.digest)
      assert.equal(
        checkpoint.summary!.totalNetworkTransactions,
        before.summary!.totalNetworkTransactions! + 1n,
      )
      assert.deepEqual(
        checkpoint.contents!.transactions.map(entry => entry.transaction),
        [digest],
      )
      assert.equal(checkpoint.transactions[0]!.digest, digest)
      assert.ok(checkpoint.objects!.objects.some(object => object.objectType?.endsWith('::sui::SUI>')))
      assert.deepEqual(await get({ oneofKind: 'digest', digest: checkpoint.digest! }), checkpoint)
      const first = await get({ oneofKind: 'sequenceNumber', sequenceNumber: 0n })
      assert.equal(first.digest, chain.localnet.chainId)
    })
  })

  describe('pages', () => {
    it('lists what an address owns, whole and by type', async () => {
      const owner = `0x${'b'.repeat(64)}`
      const tx = new Transaction()
      const things = Array.from({ length: 7 }, (_, i) =>
        tx.moveCall({ target: chain.target('thing'), arguments: [tx.pure.u64(i)] }),
      )
      const coins = tx.splitCoins(tx.gas, [1, 2, 3])
      tx.transferObjects([...things, coins[0]!, coins[1]!, coins[2]!], owner)
      await chain.ok(tx)
      const all = async (type?: string) => {
        const ids: string[] = []
        let cursor: string | null = null
        do {
          const page: Awaited<ReturnType<typeof chain.client.listOwnedObjects>> =
            await chain.client.listOwnedObjects({ owner, limit: 2, cursor, type })
          assert.ok(page.objects.length <= 2)
          ids.push(...page.objects.map(object => object.objectId))
          cursor = page.hasNextPage ? page.cursor : null
        } while (cursor)
        assert.equal(new Set(ids).size, ids.length)
        return ids
      }
      assert.equal((await all()).length, 10)
      assert.equal((await all(`${chain.packageId}::things::Thing`)).length, 7)
      assert.equal((await all('0x2::coin::Coin<0x2::sui::SUI>')).length, 3)
      assert.equal((await all('0x2::coin::Coin')).length, 3)
      assert.equal((await all(`${chain.packageId}::things::Box`)).length, 0)
      const { objects } = await chain.client.listCoins({ owner, coinType: '0x2::sui::SUI' })
      assert.deepEqual(objects.map(coin => coin.balance).sort(), ['1', '2', '3'])
    })

    it('lists dynamic fields and dynamic object fields', async () => {
      const thing = await chain.thing()
      const tx = new Transaction()
      tx.moveCall({
        target: chain.target('add_fields'),
        arguments: [tx.object(thing), tx.pure.u64(0), tx.pure.u64(5)],
      })
      const child = tx.moveCall({ target: chain.target('thing'), arguments: [tx.pure.u64(9)] })
      tx.moveCall({
        target: chain.target('add_child'),
        arguments: [tx.object(thing), tx.pure.u64(77), child],
      })
      await chain.ok(tx)
      const names: string[] = []
      let pageToken: Uint8Array | undefined
      do {
        const { response } = await chain.client.stateService.listDynamicFields({
          parent: thing,
          pageSize: 4,
          pageToken,
          readMask: { paths: ['*'] },
        })
        for (const field of response.dynamicFields) {
          names.push(bcs.u64().parse(field.name!.value!))
          if (field.kind !== GrpcTypes.DynamicField_DynamicFieldKind.OBJECT) continue
          assert.equal(field.childObject!.objectId, field.childId)
          assert.ok(field.valueType!.endsWith('::things::Thing'))
        }
        pageToken = response.nextPageToken
      } while (pageToken)
      assert.deepEqual(
        names.map(Number).sort((a, b) => a - b),
        [0, 1, 2, 3, 4, 77],
      )
    })

    it('refuses a token of another question', async () => {
      const { response } = await chain.client.stateService.listOwnedObjects({
        owner: chain.address,
        pageSize: 1,
      })
      assert.ok(response.nextPageToken)
      const other = { owner: '0x5', pageToken: response.nextPageToken }
      await assert.rejects(chain.client.stateService.listOwnedObjects(other).response, {
        code: 'INVALID_ARGUMENT',
      })
      const broken = { owner: chain.address, pageToken: Uint8Array.of(1, 2) }
      await assert.rejects(chain.client.stateService.listOwnedObjects(broken).response, {
        code: 'INVALID_ARGUMENT',
      })
    })
  })

  describe('history', () => {
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

  describe('subscriptions', () => {
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
  })

  it('verifies signatures', async () => {
    const message = new TextEncoder().encode('hello')
    const { signature } = await chain.keypair.signPersonalMessage(message)
    const verify = (address: string) =>
      chain.client.core.verifyZkLoginSignature({
        address,
        bytes: Buffer.from(message).toString('base64'),
        signature,
        intentScope: 'PersonalMessage',
      })
    assert.equal((await verify(chain.address)).success, true)
    assert.equal((await verify('0x5')).success, false)
  })

  it('tells epoch, gas price, limits and coins', async () => {
    const { client } = chain
    assert.equal((await client.core.getReferenceGasPrice()).referenceGasPrice, '1000')
    const { protocolConfig } = await client.core.getProtocolConfig()
    assert.equal(protocolConfig.attributes.max_move_object_size, '256000')
    const { systemState } = await client.core.getCurrentSystemState()
    assert.equal(systemState.epoch, '0')
    assert.equal((await client.core.getCoinMetadata({ coinType: '0x2::sui::SUI' })).coinMetadata!.decimals, 9)
    assert.equal((await client.core.getCoinMetadata({ coinType: '0x2::clock::Clock' })).coinMetadata, null)
  })
})
