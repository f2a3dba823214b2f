import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { TestChain } from '../support/chain.ts'

describe('chain/localnet/server: the state service', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

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
