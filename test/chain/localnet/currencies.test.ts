import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { coinWithBalance, Transaction } from '@mysten/sui/transactions'
import { deriveObjectID } from '@mysten/sui/utils'
import { created, type Executed, TestChain } from './support/chain.ts'
import { samplePackage } from './support/packages.ts'

describe('chain/localnet: currencies', function () {
  this.timeout(60_000)
  let chain: TestChain
  let assets: string
  let published: Executed
  before(async () => {
    chain = await TestChain.start({ sample: false })
    await chain.localnet.faucet(chain.address)
    const { packageId, executed } = await chain.publish(await samplePackage('assets'))
    assets = packageId
    published = executed
  })
  after(() => chain?.close())

  const typeOf = (name: string) => `${assets}::${name}::${name.toUpperCase()}`
  const made = (record: string, name: string) => created(published, `::${record}<${typeOf(name)}>`)
  const mint = async (name: string, amount: number, to = chain.address) => {
    const tx = new Transaction()
    tx.moveCall({
      target: '0x2::coin::mint_and_transfer',
      typeArguments: [typeOf(name)],
      arguments: [tx.object(made('coin::TreasuryCap', name)), tx.pure.u64(amount), tx.pure.address(to)],
    })
    return created(await chain.ok(tx), `::coin::Coin<${typeOf(name)}>`)
  }
  const infoOf = async (coinType: string) =>
    (await chain.client.stateService.getCoinInfo({ coinType })).response
  const balanceOf = async (owner: string, coinType: string) =>
    Number((await chain.client.getBalance({ owner, coinType })).balance.balance)
  const currencyId = (type: string) =>
    deriveObjectID('0xc', `0x2::coin_registry::CurrencyKey<${type}>`, bcs.bool().serialize(false).toBytes())

  it('splits and merges coins', async () => {
    const id = await mint('gold', 100)
    const tx = new Transaction()
    const [ten, five] = tx.splitCoins(tx.object(id), [10, 5])
    tx.mergeCoins(ten!, [five!])
    tx.transferObjects([ten!], '0xa')
    await chain.ok(tx)
    assert.equal(await balanceOf('0xa', typeOf('gold')), 15)
    const { objects } = await chain.client.listCoins({ owner: chain.address, coinType: typeOf('gold') })
    assert.deepEqual(
      objects.map(coin => [coin.objectId, coin.balance]),
      [[id, '85']],
    )
  })

  it('finds coins for an amount', async () => {
    for (const amount of [3, 4, 5]) await mint('gold', amount)
    const before = await balanceOf(chain.address, typeOf('gold'))
    const tx = new Transaction()
    tx.transferObjects(
      [
        coinWithBalance({ type: typeOf('gold'), balance: before - 1 }),
        coinWithBalance({ type: typeOf('gold'), balance: 0 }),
      ],
      '0xb',
    )
    await chain.ok(tx)
    assert.equal(await balanceOf('0xb', typeOf('gold')), before - 1)
    assert.equal(await balanceOf(chain.address, typeOf('gold')), 1)
  })

  it('tells what a currency of the older kind says of itself, and SUI', async () => {
    const { metadata, treasury, regulatedMetadata } = await infoOf(typeOf('gold'))
    assert.deepEqual(
      [metadata!.symbol, metadata!.decimals, metadata!.id],
      ['AU', 2, made('coin::CoinMetadata', 'gold')],
    )
    assert.equal(treasury!.id, made('coin::TreasuryCap', 'gold'))
    assert.equal(regulatedMetadata!.coinRegulatedState, 0)
    const sui = await infoOf('0x2::sui::SUI')
    assert.deepEqual([sui.metadata!.symbol, sui.metadata!.decimals], ['SUI', 9])
    assert.ok(sui.metadata!.id)
    const dollar = await infoOf(typeOf('dollar'))
    assert.equal(dollar.regulatedMetadata!.coinRegulatedState, 1)
    assert.equal(dollar.regulatedMetadata!.denyCapObject, made('coin::DenyCapV2', 'dollar'))
  })

  it('registers a currency of a one-time witness in two steps', async () => {
    const type = typeOf('silver')
    const pending = made('coin_registry::Currency', 'silver')
    assert.equal((await infoOf(type)).metadata!.symbol, 'AG')
    const tx = new Transaction()
    tx.moveCall({
      target: '0x2::coin_registry::finalize_registration',
      typeArguments: [type],
      arguments: [tx.object('0xc'), tx.object(pending)],
    })
    const executed = await chain.ok(tx)
    const id = created(executed, `::coin_registry::Currency<${type}>`)
    assert.equal(id, currencyId(type))
    const { metadata, treasury, regulatedMetadata } = await infoOf(type)
    assert.deepEqual(
      { ...metadata },
      {
        id,
        decimals: 3,
        name: 'Silver',
        symbol: 'AG',
        description: 'Tarnishes',
        iconUrl: 'https://silver.example/icon',
        metadataCapId: made('coin_registry::MetadataCap', 'silver'),
        metadataCapState: 1,
      },
    )
    assert.equal(treasury!.id, made('coin::TreasuryCap', 'silver'))
    assert.deepEqual(
      [
        regulatedMetadata!.coinRegulatedState,
        regulatedMetadata!.denyCapObject,
        regulatedMetadata!.allowGlobalPause,
      ],
      [1, made('coin::DenyCapV2', 'silver'), false],
    )
    const { coinMetadata } = await chain.client.getCoinMetadata({ coinType: type })
    assert.equal(coinMetadata!.name, 'Silver')
  })

  it('lets the owner of the metadata cap change what is said, until the cap is deleted', async () => {
    const type = typeOf('silver')
    const cap = made('coin_registry::MetadataCap', 'silver')
    const tx = new Transaction()
    const currency = tx.object(currencyId(type))
    tx.moveCall({
      target: '0x2::coin_registry::set_name',
      typeArguments: [type],
      arguments: [currency, tx.object(cap), tx.pure.string('Argentum')],
    })
    tx.moveCall({
      target: '0x2::coin_registry::delete_metadata_cap',
      typeArguments: [type],
      arguments: [currency, tx.object(cap)],
    })
    await chain.ok(tx)
    const { metadata } = await infoOf(type)
    assert.deepEqual(
      [metadata!.name, metadata!.metadataCapState, metadata!.metadataCapId],
      ['Argentum', 3, undefined],
    )
    const again = new Transaction()
    again.transferObjects(
      [
        again.moveCall({
          target: '0x2::coin_registry::claim_metadata_cap',
          typeArguments: [type],
          arguments: [again.object(currencyId(type)), again.object(made('coin::TreasuryCap', 'silver'))],
        }),
      ],
      chain.address,
    )
    assert.equal((await chain.failure(again)).errorDetails.oneofKind, 'abort')
  })

  it('lends older metadata of a registered currency', async () => {
    const type = typeOf('silver')
    const tx = new Transaction()
    const currency = tx.object(currencyId(type))
    const [metadata, borrow] = tx.moveCall({
      target: '0x2::coin_registry::borrow_legacy_metadata',
      typeArguments: [type],
      arguments: [currency],
    })
    tx.moveCall({ target: '0x2::coin::get_name', typeArguments: [type], arguments: [metadata!] })
    tx.moveCall({
      target: '0x2::coin_registry::return_borrowed_legacy_metadata',
      typeArguments: [type],
      arguments: [currency, metadata!, borrow!],
    })
    await chain.ok(tx)
  })

  it('makes currencies of a fixed supply, and of one that only burns, at any time', async () => {
    const fixed = (symbol: string) => {
      const tx = new Transaction()
      const [coin, cap] = tx.moveCall({
        target: `${assets}::copper::fixed`,
        arguments: [tx.object('0xc'), tx.pure.vector('u8', [...Buffer.from(symbol)])],
      })
      tx.transferObjects([coin!, cap!], chain.address)
      return tx
    }
    assert.equal((await chain.failure(fixed('\u00e9'))).errorDetails.oneofKind, 'abort')
    await chain.ok(fixed('CU'))
    const copper = await infoOf(`${assets}::copper::Copper`)
    assert.deepEqual([copper.treasury!.totalSupply, copper.treasury!.supplyState], [1000n, 1])
    assert.equal(copper.regulatedMetadata!.coinRegulatedState, 2)
    assert.equal(copper.metadata!.iconUrl, undefined)
    assert.equal((await chain.failure(fixed('CU'))).errorDetails.oneofKind, 'abort')

    const type = `${assets}::copper::Bronze`
    const tx = new Transaction()
    const coin = tx.moveCall({ target: `${assets}::copper::burn_only`, arguments: [tx.object('0xc')] })
    tx.transferObjects([coin], chain.address)
    const coinId = created(await chain.ok(tx), `::coin::Coin<${type}>`)
    const burn = new Transaction()
    burn.moveCall({
      target: '0x2::coin_registry::burn',
      typeArguments: [type],
      arguments: [burn.object(currencyId(type)), burn.splitCoins(burn.object(coinId), [200])[0]!],
    })
    await chain.ok(burn)
    const bronze = await infoOf(type)
    assert.deepEqual([bronze.treasury!.totalSupply, bronze.treasury!.supplyState], [300n, 2])
  })

  it('takes older currencies into the registry', async () => {
    const type = typeOf('dollar')
    const tx = new Transaction()
    tx.moveCall({
      target: '0x2::coin_registry::migrate_legacy_metadata',
      typeArguments: [type],
      arguments: [tx.object('0xc'), tx.object(made('coin::CoinMetadata', 'dollar'))],
    })
    await chain.ok(tx)
    const before = await infoOf(type)
    assert.equal(before.metadata!.id, currencyId(type))
    assert.deepEqual(
      [before.metadata!.metadataCapState, before.regulatedMetadata!.coinRegulatedState],
      [2, 1],
    )
    const regulate = () => {
      const tx = new Transaction()
      tx.moveCall({
        target: '0x2::coin_registry::migrate_regulated_state_by_metadata',
        typeArguments: [type],
        arguments: [tx.object(currencyId(type)), tx.object(made('coin::RegulatedCoinMetadata', 'dollar'))],
      })
      return tx
    }
    await chain.ok(regulate())
    const { regulatedMetadata } = await infoOf(type)
    assert.equal(regulatedMetadata!.coinMetadataObject, currencyId(type))
    assert.equal((await chain.failure(regulate())).errorDetails.oneofKind, 'abort')
  })

  describe('that are regulated', () => {
    const deny = async (name: string, ...args: string[]) => {
      const tx = new Transaction()
      tx.moveCall({
        target: `0x2::coin::deny_list_v2_${name}`,
        typeArguments: [typeOf('dollar')],
        arguments: [
          tx.object('0x403'),
          tx.object(made('coin::DenyCapV2', 'dollar')),
          ...args.map(address => tx.pure.address(address)),
        ],
      })
      return await chain.run(tx)
    }
    const holder = new Ed25519Keypair()
    const address = holder.toSuiAddress()
    let coin: string
    before(async () => {
      await chain.localnet.faucet(address)
      coin = await mint('dollar', 50, address)
    })
    const send = () => {
      const tx = new Transaction()
      tx.transferObjects([tx.splitCoins(tx.object(coin), [1])], chain.address)
      return chain.run(tx, holder)
    }
    const denied = async (name: string, ...args: string[]) => {
      const tx = new Transaction()
      tx.setSender(chain.address)
      tx.moveCall({
        target: `0x2::coin::deny_list_v2_${name}`,
        typeArguments: [typeOf('dollar')],
        arguments: [tx.object('0x403'), ...args.map(one => tx.pure.address(one))],
      })
      const { commandResults } = await chain.client.simulateTransaction({
        transaction: tx,
        include: { commandResults: true },
      })
      return bcs.bool().parse(commandResults![0]!.returnValues[0]!.bcs)
    }

    it('are not for an address that is denied, until it is let in again', async () => {
      assert.equal((await send()).status.success, true)
      assert.equal((await deny('add', address)).status.success, true)
      await assert.rejects(send(), /is denied for coin/)
      assert.equal(await denied('contains_next_epoch', address), true)
      assert.equal(await denied('contains_current_epoch', address), false)
      assert.equal(await denied('contains_next_epoch', chain.address), false)
      // other coins are not touched, and what is not regulated neither
      await chain.ok(new Transaction(), holder)
      assert.equal((await deny('remove', address)).status.success, true)
      assert.equal((await send()).status.success, true)
    })

    it('are for nobody while they are paused', async () => {
      assert.equal((await deny('enable_global_pause')).status.success, true)
      await assert.rejects(send(), /globally paused/)
      assert.equal(await denied('is_global_pause_enabled_next_epoch'), true)
      assert.equal((await deny('disable_global_pause')).status.success, true)
      assert.equal((await send()).status.success, true)
    })

    it('cannot be paused by a cap that does not allow it', async () => {
      const tx = new Transaction()
      tx.moveCall({
        target: '0x2::coin::deny_list_v2_enable_global_pause',
        typeArguments: [typeOf('silver')],
        arguments: [tx.object('0x403'), tx.object(made('coin::DenyCapV2', 'silver'))],
      })
      assert.match((await chain.fails(tx)).message, /3/)
    })

    it('are kept in address balances under the same rule', async () => {
      const type = typeOf('dollar')
      const give = new Transaction()
      give.moveCall({
        target: '0x2::coin::send_funds',
        typeArguments: [type],
        arguments: [give.splitCoins(give.object(coin), [5])[0]!, give.pure.address(address)],
      })
      await chain.ok(give, holder)
      const take = () => {
        const tx = new Transaction()
        const taken = tx.moveCall({
          target: '0x2::coin::redeem_funds',
          typeArguments: [type],
          arguments: [tx.withdrawal({ amount: 5, type })],
        })
        tx.transferObjects([taken], address)
        return chain.run(tx, holder)
      }
      await deny('add', address)
      await assert.rejects(take(), /is denied for coin/)
      await deny('remove', address)
      assert.equal((await take()).status.success, true)
    })
  })
})
