import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { coinWithBalance, Transaction, type TransactionObjectArgument } from '@mysten/sui/transactions'
import { created, type Executed, TestChain } from './support/chain.ts'
import { samplePackage } from './support/packages.ts'

describe('chain/localnet: kiosks, transfer policies and tokens', function () {
  this.timeout(60_000)
  let chain: TestChain
  let assets: string
  let published: Executed
  const buyer = new Ed25519Keypair()
  before(async () => {
    chain = await TestChain.start({ sample: false })
    await chain.localnet.faucet(chain.address)
    await chain.localnet.faucet(buyer.toSuiAddress())
    const { packageId, executed } = await chain.publish(await samplePackage('assets'))
    assets = packageId
    published = executed
  })
  after(() => chain?.close())

  describe('a kiosk', () => {
    let gemType: string
    let kiosk: string
    let cap: string
    let policy: string
    let policyCap: string
    let gem: string
    before(async () => {
      gemType = `${assets}::gem::Gem`
      const tx = new Transaction()
      tx.moveCall({ target: '0x2::kiosk::default' })
      tx.moveCall({
        target: '0x2::transfer_policy::default',
        typeArguments: [gemType],
        arguments: [tx.object(created(published, '::package::Publisher'))],
      })
      const executed = await chain.ok(tx)
      kiosk = created(executed, '::kiosk::Kiosk')
      cap = created(executed, '::kiosk::KioskOwnerCap')
      policy = created(executed, `::transfer_policy::TransferPolicy<${gemType}>`)
      policyCap = created(executed, `::transfer_policy::TransferPolicyCap<${gemType}>`)
      const rule = new Transaction()
      rule.moveCall({
        target: `${assets}::gem::add_royalty`,
        typeArguments: [gemType],
        arguments: [rule.object(policy), rule.object(policyCap), rule.pure.u64(100)],
      })
      await chain.ok(rule)
    })
    const newGem = (tx: Transaction) =>
      tx.moveCall({ target: `${assets}::gem::new`, arguments: [tx.pure.string('Vega'), tx.pure.u64(1)] })
    const call = (tx: Transaction, name: string, ...args: TransactionObjectArgument[]) =>
      tx.moveCall({ target: `0x2::kiosk::${name}`, typeArguments: [gemType], arguments: args })
    const place = async (kind: 'place' | 'lock') => {
      const tx = new Transaction()
      const locked = kind === 'lock' ? [tx.object(policy)] : []
      call(tx, kind, tx.object(kiosk), tx.object(cap), ...locked, newGem(tx))
      return created(await chain.ok(tx), '::gem::Gem')
    }
    const list = (id: string, price: number) => {
      const tx = new Transaction()
      call(tx, 'list', tx.object(kiosk), tx.object(cap), tx.pure.id(id), tx.pure.u64(price))
      return tx
    }
    const buy = (id: string, price: number, royalty: number | undefined) => {
      const tx = new Transaction()
      const [item, request] = call(
        tx,
        'purchase',
        tx.object(kiosk),
        tx.pure.id(id),
        coinWithBalance({ balance: price })(tx),
      )
      if (royalty !== undefined)
        tx.moveCall({
          target: `${assets}::gem::pay_royalty`,
          typeArguments: [gemType],
          arguments: [tx.object(policy), request!, coinWithBalance({ balance: royalty })(tx)],
        })
      tx.moveCall({
        target: '0x2::transfer_policy::confirm_request',
        typeArguments: [gemType],
        arguments: [tx.object(policy), request!],
      })
      tx.transferObjects([item!], buyer.toSuiAddress())
      return tx
    }

    it('sells an item that was locked to whoever pays price and royalty', async () => {
      gem = await place('lock')
      const take = new Transaction()
      take.transferObjects(
        [call(take, 'take', take.object(kiosk), take.object(cap), take.pure.id(gem))],
        chain.address,
      )
      assert.equal((await chain.failure(take)).errorDetails.oneofKind, 'abort')

      const listed = await chain.ok(list(gem, 2000))
      assert.ok(listed.events!.some(({ eventType }) => eventType.includes('::kiosk::ItemListed<')))
      for (const [price, royalty] of [
        [1999, 200],
        [2000, undefined],
        [2000, 199],
      ] as const)
        assert.equal((await chain.run(buy(gem, price, royalty), buyer)).status.success, false)
      const sold = await chain.ok(buy(gem, 2000, 200), buyer)
      assert.ok(sold.events!.some(({ eventType }) => eventType.includes('::kiosk::ItemPurchased<')))
      const { object } = await chain.client.getObject({ objectId: gem })
      assert.deepEqual(object.owner, { $kind: 'AddressOwner', AddressOwner: buyer.toSuiAddress() })
    })

    it('gives its owner what was paid, and the creator the royalties', async () => {
      const tx = new Transaction()
      const none = tx.moveCall({ target: '0x1::option::none', typeArguments: ['u64'] })
      const profits = tx.moveCall({
        target: '0x2::kiosk::withdraw',
        arguments: [tx.object(kiosk), tx.object(cap), none],
      })
      const royalties = tx.moveCall({
        target: '0x2::transfer_policy::withdraw',
        typeArguments: [gemType],
        arguments: [tx.object(policy), tx.object(policyCap), none],
      })
      tx.transferObjects([profits], '0xa1')
      tx.transferObjects([royalties], '0xa2')
      await chain.ok(tx)
      const balanceOf = async (owner: string) => (await chain.client.getBalance({ owner })).balance.balance
      assert.deepEqual([await balanceOf('0xa1'), await balanceOf('0xa2')], ['2000', '200'])
    })

    it('lets its owner borrow, delist and take an item', async () => {
      const id = await place('place')
      await chain.ok(list(id, 10))
      const borrow = () => {
        const tx = new Transaction()
        const [item, borrowed] = call(tx, 'borrow_val', tx.object(kiosk), tx.object(cap), tx.pure.id(id))
        call(tx, 'return_val', tx.object(kiosk), item!, borrowed!)
        return tx
      }
      assert.equal((await chain.failure(borrow())).errorDetails.oneofKind, 'abort')
      const delist = new Transaction()
      call(delist, 'delist', delist.object(kiosk), delist.object(cap), delist.pure.id(id))
      await chain.ok(delist)
      await chain.ok(borrow())
      const take = new Transaction()
      take.transferObjects(
        [call(take, 'take', take.object(kiosk), take.object(cap), take.pure.id(id))],
        chain.address,
      )
      await chain.ok(take)
    })

    it('sells exclusively to the holder of a purchase cap', async () => {
      const id = await place('place')
      const tx = new Transaction()
      const purchase = call(
        tx,
        'list_with_purchase_cap',
        tx.object(kiosk),
        tx.object(cap),
        tx.pure.id(id),
        tx.pure.u64(50),
      )
      tx.transferObjects([purchase], buyer.toSuiAddress())
      const purchaseCap = created(await chain.ok(tx), `::kiosk::PurchaseCap<${gemType}>`)
      assert.equal((await chain.run(buy(id, 50, 5), buyer)).status.success, false)
      const exclusive = new Transaction()
      const [item, request] = call(
        exclusive,
        'purchase_with_cap',
        exclusive.object(kiosk),
        exclusive.object(purchaseCap),
        coinWithBalance({ balance: 60 })(exclusive),
      )
      exclusive.moveCall({
        target: `${assets}::gem::pay_royalty`,
        typeArguments: [gemType],
        arguments: [exclusive.object(policy), request!, coinWithBalance({ balance: 6 })(exclusive)],
      })
      exclusive.moveCall({
        target: '0x2::transfer_policy::confirm_request',
        typeArguments: [gemType],
        arguments: [exclusive.object(policy), request!],
      })
      exclusive.transferObjects([item!], buyer.toSuiAddress())
      await chain.ok(exclusive, buyer)
    })

    it('obeys extensions as far as its owner lets them', async () => {
      const help = () => {
        const tx = new Transaction()
        tx.moveCall({
          target: `${assets}::gem::help`,
          arguments: [tx.object(kiosk), newGem(tx), tx.object(policy)],
        })
        return tx
      }
      assert.equal((await chain.failure(help())).errorDetails.oneofKind, 'abort')
      const install = new Transaction()
      install.moveCall({
        target: `${assets}::gem::install`,
        arguments: [install.object(kiosk), install.object(cap), install.pure.u128(1)],
      })
      await chain.ok(install)
      await chain.ok(help())
      const disable = new Transaction()
      disable.moveCall({
        target: '0x2::kiosk_extension::disable',
        typeArguments: [`${assets}::gem::Helper`],
        arguments: [disable.object(kiosk), disable.object(cap)],
      })
      await chain.ok(disable)
      assert.equal((await chain.failure(help())).errorDetails.oneofKind, 'abort')
    })
  })

  describe('a token', () => {
    const type = () => `${assets}::points::POINTS`
    const id = (record: string) => created(published, `::${record}<${type()}>`)
    const token = (tx: Transaction, name: string, ...args: TransactionObjectArgument[]) =>
      tx.moveCall({ target: `0x2::token::${name}`, typeArguments: [type()], arguments: args })
    /** Minted for the account. */
    const minted = async (amount: number, keypair = chain.keypair) => {
      const tx = new Transaction()
      const made = token(tx, 'mint', tx.object(id('coin::TreasuryCap')), tx.pure.u64(amount))
      const request = token(tx, 'transfer', made, tx.pure.address(keypair.toSuiAddress()))
      token(tx, 'confirm_with_policy_cap', tx.object(id('token::TokenPolicyCap')), request)
      return created(await chain.ok(tx), `::token::Token<${type()}>`)
    }

    it('does nothing that its policy does not name', async () => {
      const points = await minted(30)
      const move = () => {
        const tx = new Transaction()
        const request = token(tx, 'transfer', tx.object(points), tx.pure.address('0xc0'))
        token(tx, 'confirm_request', tx.object(id('token::TokenPolicy')), request)
        return tx
      }
      assert.equal((await chain.failure(move())).errorDetails.oneofKind, 'abort')
      const dropped = new Transaction()
      token(dropped, 'transfer', dropped.object(points), dropped.pure.address('0xc0'))
      assert.match((await chain.fails(dropped)).message, /Unused/)
      const allow = new Transaction()
      token(
        allow,
        'allow',
        allow.object(id('token::TokenPolicy')),
        allow.object(id('token::TokenPolicyCap')),
        allow.pure.string('transfer'),
      )
      await chain.ok(allow)
      await chain.ok(move())
      const bare = new Transaction()
      bare.transferObjects([bare.object(await minted(1))], '0xc0')
      assert.match((await chain.fails(bare)).message, /InvalidTransferObject/)
    })

    it('is spent by members alone, and what was spent is burnt by the treasury', async () => {
      const restrict = new Transaction()
      restrict.moveCall({
        target: `${assets}::points::restrict`,
        arguments: [
          restrict.object(id('token::TokenPolicy')),
          restrict.object(id('token::TokenPolicyCap')),
          restrict.pure.address(chain.address),
        ],
      })
      await chain.ok(restrict)
      const spend = (points: string, isApproved: boolean) => {
        const tx = new Transaction()
        const request = token(tx, 'spend', tx.object(points))
        if (isApproved)
          tx.moveCall({
            target: `${assets}::points::approve`,
            arguments: [tx.object(id('token::TokenPolicy')), request],
          })
        token(tx, 'confirm_request_mut', tx.object(id('token::TokenPolicy')), request)
        return tx
      }
      const own = await minted(11)
      assert.equal((await chain.run(spend(own, false))).status.success, false)
      await chain.ok(spend(own, true))
      assert.equal((await chain.run(spend(await minted(5, buyer), true), buyer)).status.success, false)

      const supply = async () => {
        const { object } = await chain.client.getObject({
          objectId: id('coin::TreasuryCap'),
          include: { content: true },
        })
        return bcs.struct('Cap', { id: bcs.Address, supply: bcs.u64() }).parse(object.content!).supply
      }
      const before = Number(await supply())
      const flush = new Transaction()
      token(flush, 'flush', flush.object(id('token::TokenPolicy')), flush.object(id('coin::TreasuryCap')))
      await chain.ok(flush)
      assert.equal(Number(await supply()), before - 11)
    })
  })
})
