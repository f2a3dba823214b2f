import assert from 'node:assert/strict'
import type { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { TestChain } from '../support/chain.ts'

describe('chain/localnet/server: the ledger service', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

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

  it('has a checkpoint for every transaction, each naming the one before', async () => {
    const { digest } = await chain.localnet.faucet('0x1')
    const { Transaction: executed } = await chain.client.getTransaction({ digest })
    const get = async (checkpointId: GrpcTypes.GetCheckpointRequest['checkpointId']) =>
      (await chain.client.ledgerService.getCheckpoint({ checkpointId, readMask: { paths: ['*'] } })).response
        .checkpoint!
    const sequenceNumber = BigInt(executed!.checkpoint!)
    const checkpoint = await get({ oneofKind: 'sequenceNumber', sequenceNumber })
    const before = await get({ oneofKind: 'sequenceNumber', sequenceNumber: sequenceNumber - 1n })
    assert.equal(checkpoint.summary!.previousDigest, before.digest)
    assert.equal(checkpoint.summary!.totalNetworkTransactions, before.summary!.totalNetworkTransactions! + 1n)
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

  it('tells the genesis transaction, which has no gas object', async () => {
    const { object } = await chain.client.getObject({
      objectId: '0x2',
      include: { previousTransaction: true },
    })
    const { Transaction: genesis } = await chain.client.getTransaction({
      digest: object.previousTransaction!,
      include: { effects: true },
    })
    assert.deepEqual([genesis!.status.success, genesis!.effects!.gasObject], [true, null])
    const made = genesis!.effects!.changedObjects
    for (const id of ['1', '2', '5', '6', '8'])
      assert.ok(made.some(({ objectId }) => objectId === `0x${id.padStart(64, '0')}`))
    const { response } = await chain.client.ledgerService.getTransaction({
      digest: object.previousTransaction!,
      readMask: { paths: ['transaction.kind', 'checkpoint'] },
    })
    assert.deepEqual(
      [response.transaction!.transaction!.kind!.kind, response.transaction!.checkpoint],
      [3, 0n],
    )
  })

  it('says which features there are, and what no name and no identifier can be', async () => {
    const { protocolConfig } = await chain.client.core.getProtocolConfig()
    assert.deepEqual(
      ['receive_objects', 'zklogin_auth'].map(name => protocolConfig.featureFlags[name]),
      [true, false],
    )
    const invalid = { code: 'INVALID_ARGUMENT' }
    for (const name of ['', 'no', '-.sui', `${'a'.repeat(240)}.sui`, 'a b.sui'])
      await assert.rejects(chain.client.nameService.lookupName({ name }).response, invalid, name)
    await assert.rejects(chain.client.nameService.lookupName({ name: 'some.sui' }).response, {
      code: 'NOT_FOUND',
    })
    await assert.rejects(chain.client.nameService.reverseLookupName({ address: 'x' }).response, invalid)
    for (const target of ['0x2::1a::b', '0x2::coin::_', '0x2::co in::b'] as const) {
      const tx = new Transaction()
      tx.moveCall({ target })
      tx.setSender(chain.address)
      tx.setGasPrice(1000)
      tx.setGasBudget(10_000_000)
      tx.setGasPayment([{ objectId: '0x9', version: '1', digest: chain.localnet.chainId }])
      await assert.rejects(
        chain.client.transactionExecutionService.simulateTransaction({
          transaction: { bcs: { value: await tx.build() } },
        }).response,
        { ...invalid, message: /Invalid identifier/ },
      )
    }
  })
})
