import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bcs } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { coinWithBalance, Transaction } from '@mysten/sui/transactions'
import { deriveDynamicFieldID, normalizeStructTag } from '@mysten/sui/utils'
import { reservationRef } from '../../../chain/localnet/ledger/funds.ts'
import { created, type Executed, TestChain } from './support/chain.ts'
import { samplePackage } from './support/packages.ts'

const SUI = normalizeStructTag('0x2::sui::SUI')
const gasCost = 1_000_000n

describe('chain/localnet: address balances', function () {
  this.timeout(60_000)
  let chain: TestChain
  let assets: string
  let gold: string
  let cap: string
  before(async () => {
    chain = await TestChain.start({ sample: false })
    await chain.localnet.faucet(chain.address)
    const { packageId, executed } = await chain.publish(await samplePackage('assets'))
    assets = packageId
    gold = `${assets}::gold::GOLD`
    cap = created(executed, `::coin::TreasuryCap<${gold}>`)
  })
  after(() => chain?.close())

  const balanceOf = async (owner: string, coinType = SUI) => {
    const { balance } = await chain.client.getBalance({ owner, coinType })
    assert.equal(BigInt(balance.balance), BigInt(balance.addressBalance) + BigInt(balance.coinBalance))
    return { funds: BigInt(balance.addressBalance), coins: BigInt(balance.coinBalance) }
  }
  const fundsOf = async (owner: string, coinType = SUI) => (await balanceOf(owner, coinType)).funds

  /** An account with nothing but funds. */
  const account = async (amounts: { sui?: bigint; gold?: bigint }) => {
    const keypair = new Ed25519Keypair()
    const address = keypair.toSuiAddress()
    const tx = new Transaction()
    const send = (coin: ReturnType<Transaction['splitCoins']>[number], type: string) =>
      tx.moveCall({
        target: '0x2::coin::send_funds',
        typeArguments: [type],
        arguments: [coin, tx.pure.address(address)],
      })
    if (amounts.sui) send(tx.splitCoins(tx.gas, [amounts.sui])[0]!, SUI)
    if (amounts.gold) {
      const minted = tx.moveCall({
        target: '0x2::coin::mint',
        typeArguments: [gold],
        arguments: [tx.object(cap), tx.pure.u64(amounts.gold)],
      })
      send(minted as never, gold)
    }
    return { keypair, address, sent: await chain.ok(tx) }
  }
  const sendBalance = (
    tx: Transaction,
    balance: ReturnType<Transaction['moveCall']>,
    to: string,
    type = gold,
  ) =>
    tx.moveCall({
      target: '0x2::balance::send_funds',
      typeArguments: [type],
      arguments: [balance, tx.pure.address(to)],
    })
  /** Sends funds on. */
  const pass = (tx: Transaction, amount: bigint, to: string, type = gold) =>
    sendBalance(
      tx,
      tx.moveCall({
        target: '0x2::balance::redeem_funds',
        typeArguments: [type],
        arguments: [tx.withdrawal({ amount, type })],
      }),
      to,
      type,
    )
  const writeOf = async ({ digest }: Pick<Executed, 'digest'>) => {
    const { response } = await chain.client.ledgerService.getTransaction({
      digest,
      readMask: { paths: ['effects', 'balance_changes'] },
    })
    const { effects, balanceChanges } = response.transaction!
    const writes = effects!.changedObjects.filter(change => change.accumulatorWrite)
    return { effects: effects!, balanceChanges, writes }
  }

  it('takes what is sent, and tells it apart from coins', async () => {
    const { address, sent } = await account({ sui: 5_000n, gold: 70n })
    assert.deepEqual(await balanceOf(address), { funds: 5_000n, coins: 0n })
    assert.deepEqual(await balanceOf(address, gold), { funds: 70n, coins: 0n })
    const { balances } = await chain.client.listBalances({ owner: address })
    assert.deepEqual(
      balances.map(({ coinType, addressBalance }) => [coinType, addressBalance]).sort(),
      [
        [SUI, '5000'],
        [normalizeStructTag(gold), '70'],
      ].sort(),
    )
    assert.deepEqual((await chain.client.listOwnedObjects({ owner: address })).objects, [])

    const { writes, balanceChanges } = await writeOf(sent)
    assert.equal(writes.length, 2)
    for (const { objectId, outputState, accumulatorWrite } of writes) {
      const { accumulatorType } = accumulatorWrite!
      assert.equal(outputState, 4)
      assert.equal(accumulatorWrite!.address, address)
      assert.equal(accumulatorWrite!.operation, 1)
      assert.equal(accumulatorWrite!.integerValue, accumulatorType!.includes('gold') ? 70n : 5_000n)
      const key = bcs.Address.serialize(address).toBytes()
      assert.equal(objectId, deriveDynamicFieldID('0xacc', `0x2::accumulator::Key<${accumulatorType}>`, key))
    }
    assert.deepEqual(
      balanceChanges
        .filter(change => change.address === address)
        .map(change => change.amount)
        .sort(),
      ['5000', '70'],
    )
  })

  it('belongs to the addresses that a transaction touches', async () => {
    const { address, sent } = await account({ gold: 3n })
    const { responses } = chain.client.ledgerService.listTransactions({
      filter: {
        terms: [
          {
            literals: [
              { negated: false, predicate: { oneofKind: 'affectedAddress', affectedAddress: { address } } },
            ],
          },
        ],
      },
    })
    const digests: (string | undefined)[] = []
    for await (const { transaction } of responses) if (transaction) digests.push(transaction.digest)
    assert.deepEqual(digests, [sent.digest])
  })

  it('keeps them below the accumulator root, where Move code reads them', async () => {
    const { address } = await account({ gold: 12n })
    const tx = new Transaction()
    tx.setSender(chain.address)
    tx.moveCall({
      target: `${assets}::vault::settled`,
      typeArguments: [gold],
      arguments: [tx.object('0xacc'), tx.pure.address(address)],
    })
    const { commandResults } = await chain.client.simulateTransaction({
      transaction: tx,
      include: { commandResults: true },
    })
    assert.equal(bcs.u64().parse(commandResults![0]!.returnValues[0]!.bcs), '12')
  })

  it('gives back all that a withdrawal allows, or a part of it', async () => {
    const { keypair, address } = await account({ sui: 10n * gasCost, gold: 100n })
    const tx = new Transaction()
    const coin = tx.moveCall({
      target: '0x2::coin::redeem_funds',
      typeArguments: [gold],
      arguments: [tx.withdrawal({ amount: 30n, type: gold })],
    })
    const rest = tx.withdrawal({ amount: 50n, type: gold })
    const part = tx.moveCall({
      target: `${assets}::vault::part`,
      typeArguments: [gold],
      arguments: [rest, tx.pure.u64(8)],
    })
    tx.mergeCoins(coin, [part])
    tx.transferObjects([coin], address)
    await chain.ok(tx, keypair)
    assert.deepEqual(await balanceOf(address, gold), { funds: 62n, coins: 38n })
  })

  it('leaves nothing behind when all is withdrawn', async () => {
    const { keypair, address } = await account({ sui: 10n * gasCost, gold: 5n })
    const fields = () =>
      chain.client
        .listDynamicFields({ parentId: '0xacc', limit: 1000 })
        .then(page => page.dynamicFields.length)
    const before = await fields()
    const tx = new Transaction()
    pass(tx, 5n, chain.address)
    await chain.ok(tx, keypair)
    assert.equal(await fundsOf(address, gold), 0n)
    assert.ok((await fields()) <= before)
  })

  it('refuses more than there is, also in parts, and nothing at all', async () => {
    const { keypair, address } = await account({ sui: 10n * gasCost, gold: 10n })
    const withdraw = (...amounts: bigint[]) => {
      const tx = new Transaction()
      for (const amount of amounts) pass(tx, amount, address)
      return chain.run(tx, keypair)
    }
    await assert.rejects(withdraw(11n), /Invalid withdraw reservation/)
    await assert.rejects(withdraw(6n, 5n), /Invalid withdraw reservation/)
    await assert.rejects(withdraw(0n), /Invalid withdraw reservation/)
    await assert.rejects(withdraw(...Array.from({ length: 11 }, () => 1n)), /withdrawals/)
    assert.equal((await withdraw(6n, 4n)).status.success, true)
    assert.equal(await fundsOf(address, gold), 10n)
  })

  it('lets one of two transactions have the same funds', async () => {
    const { keypair, address } = await account({ sui: 20n * gasCost, gold: 10n })
    const build = async () => {
      const tx = new Transaction()
      pass(tx, 7n, chain.address)
      return await chain.build(tx, address)
    }
    const before = await fundsOf(chain.address, gold)
    const both = await Promise.allSettled(
      [await build(), await build()].map(bytes => chain.submit(bytes, keypair)),
    )
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    assert.equal(await fundsOf(address, gold), 3n)
    assert.equal(await fundsOf(chain.address, gold), before + 7n)
  })

  it('does not move funds when the transaction fails, but takes the gas', async () => {
    const { keypair, address } = await account({ sui: 10n * gasCost, gold: 10n })
    const tx = new Transaction()
    pass(tx, 10n, chain.address)
    tx.moveCall({
      target: '0x2::coin::destroy_zero',
      typeArguments: [SUI],
      arguments: [coinWithBalance({ balance: 1 })(tx)],
    })
    const { status } = await chain.run(tx, keypair)
    assert.equal(status.success, false)
    assert.equal(await fundsOf(address, gold), 10n)
    assert.equal(await fundsOf(address), 9n * gasCost)
  })

  describe('gas', () => {
    it('is paid from the balance when there is no coin', async () => {
      const { keypair, address } = await account({ sui: 5n * gasCost, gold: 1n })
      const tx = new Transaction()
      sendBalance(tx, tx.balance({ type: gold, balance: 1n }) as never, chain.address)
      const executed = await chain.ok(tx, keypair)
      assert.equal(await fundsOf(address), 4n * gasCost)
      const { effects, writes } = await writeOf(executed)
      assert.equal(effects.gasObject, undefined)
      const gas = writes.find(write => write.accumulatorWrite!.accumulatorType!.includes('::sui::SUI'))
      assert.deepEqual([gas!.accumulatorWrite!.operation, gas!.accumulatorWrite!.integerValue], [2, gasCost])
      const { response } = await chain.client.ledgerService.getTransaction({
        digest: executed.digest,
        readMask: { paths: ['transaction'] },
      })
      const { gasPayment, expiration } = response.transaction!.transaction!
      assert.deepEqual(gasPayment!.objects, [])
      assert.equal(expiration!.chain, chain.localnet.chainId)
    })

    it('needs an expiration that is near', async () => {
      const { keypair, address } = await account({ sui: 5n * gasCost, gold: 1n })
      const build = async (expiration: Parameters<Transaction['setExpiration']>[0]) => {
        const tx = new Transaction()
        tx.setSender(address)
        tx.setGasPayment([])
        tx.setGasBudget(2n * gasCost)
        tx.setGasPrice(1000)
        tx.setExpiration(expiration)
        tx.moveCall({ target: '0x2::clock::timestamp_ms', arguments: [tx.object.clock()] })
        return await tx.build({ client: chain.client })
      }
      const during = (minEpoch: string | null, maxEpoch: string | null) => ({
        ValidDuring: {
          minEpoch,
          maxEpoch,
          minTimestamp: null,
          maxTimestamp: null,
          chain: chain.localnet.chainId,
          nonce: 1,
        },
      })
      for (const expiration of [{ None: true as const }, { Epoch: 1 }, during(null, null), during('0', '2')])
        await assert.rejects(chain.submit(await build(expiration), keypair), /Invalid expiration/)
      assert.equal((await chain.submit(await build(during('0', '1')), keypair)).status.success, true)
      assert.equal(await fundsOf(address), 4n * gasCost)
    })

    it('counts with the withdrawals: the budget must be there besides', async () => {
      const { keypair, address } = await account({ sui: 3n * gasCost })
      const build = async (amount: bigint) => {
        const tx = new Transaction()
        tx.setSender(address)
        tx.setGasBudget(2n * gasCost)
        pass(tx, amount, chain.address, SUI)
        return await chain.build(tx, address)
      }
      await assert.rejects(build(gasCost + 1n), /insufficient SUI balance/)
      assert.equal((await chain.submit(await build(gasCost), keypair)).status.success, true)
      assert.equal(await fundsOf(address), gasCost)
    })

    it('takes funds and coins together as one gas coin, whose rest becomes funds', async () => {
      const { keypair, address } = await account({ sui: 3n * gasCost })
      const give = new Transaction()
      give.transferObjects([give.splitCoins(give.gas, [2n * gasCost])], address)
      await chain.ok(give)
      const tx = new Transaction()
      tx.transferObjects([tx.splitCoins(tx.gas, [2n * gasCost + 7n])], chain.address)
      const executed = await chain.ok(tx, keypair)
      assert.deepEqual(await balanceOf(address), { funds: 2n * gasCost - 7n, coins: 0n })
      assert.equal((await writeOf(executed)).effects.gasObject, undefined)
    })

    it('is charged to the gas coin when it is sent away', async () => {
      const { keypair, address } = await account({ sui: 4n * gasCost })
      const tx = new Transaction()
      const to = new Ed25519Keypair().toSuiAddress()
      tx.transferObjects([tx.gas], to)
      await chain.ok(tx, keypair)
      assert.deepEqual(await balanceOf(address), { funds: 0n, coins: 0n })
      assert.deepEqual(await balanceOf(to), { funds: 0n, coins: 3n * gasCost })
    })

    it('keeps the budget from the commands, so that a coin can never be overdrawn', async () => {
      const keypair = new Ed25519Keypair()
      const address = keypair.toSuiAddress()
      const give = new Transaction()
      give.transferObjects([give.splitCoins(give.gas, [10n * gasCost])], address)
      await chain.ok(give)
      const tx = new Transaction()
      tx.setGasBudget(2n * gasCost)
      tx.transferObjects([tx.splitCoins(tx.gas, [8n * gasCost + 1n])], chain.address)
      const { status } = await chain.run(tx, keypair)
      assert.match(status.error!.message, /InsufficientCoinBalance|Insufficient coin balance/)
      assert.deepEqual(await balanceOf(address), { funds: 0n, coins: 9n * gasCost })
    })

    it('is refused when reservations add up to more than a balance, or are of elsewhere', async () => {
      const { address } = await account({ sui: 5n * gasCost })
      const { chainId } = chain.localnet
      const simulate = (payment: ReturnType<typeof reservationRef>[]) => {
        const tx = new Transaction()
        tx.setSender(address)
        tx.setGasPrice(1000)
        tx.setGasBudget(2n * gasCost)
        tx.setGasPayment(payment)
        return chain.client.simulateTransaction({ transaction: tx, checksEnabled: false })
      }
      const all = reservationRef(address, SUI, chainId, { amount: 2n ** 64n - 1n, epoch: 0n })
      await assert.rejects(simulate([all, all]), /more than a balance can hold/)
      const other = reservationRef(chain.address, SUI, chainId, { amount: 3n * gasCost, epoch: 0n })
      await assert.rejects(simulate([other]), /another address or chain/)
      const later = reservationRef(address, SUI, chainId, { amount: 3n * gasCost, epoch: 1n })
      await assert.rejects(simulate([later]), /epoch 1/)
    })

    it('may be paid by a sponsor out of its funds', async () => {
      const sponsor = await account({ sui: 5n * gasCost })
      const { keypair, address } = await account({ gold: 4n })
      const tx = new Transaction()
      tx.setSender(address)
      tx.setGasOwner(sponsor.address)
      pass(tx, 4n, sponsor.address)
      const bytes = await tx.build({ client: chain.client })
      assert.equal((await chain.submit(bytes, keypair, sponsor.keypair)).status.success, true)
      assert.equal(await fundsOf(sponsor.address), 4n * gasCost)
      assert.equal(await fundsOf(sponsor.address, gold), 4n)
    })
  })

  it('are found by the SDK for coins and balances of any size', async () => {
    const { keypair, address } = await account({ sui: 20n * gasCost, gold: 60n })
    const mint = new Transaction()
    mint.moveCall({
      target: '0x2::coin::mint_and_transfer',
      typeArguments: [gold],
      arguments: [mint.object(cap), mint.pure.u64(40), mint.pure.address(address)],
    })
    await chain.ok(mint)
    const tx = new Transaction()
    tx.transferObjects([coinWithBalance({ type: gold, balance: 75n })], chain.address)
    await chain.ok(tx, keypair)
    const left = await balanceOf(address, gold)
    assert.equal(left.funds + left.coins, 25n)
    const again = new Transaction()
    again.transferObjects([coinWithBalance({ type: gold, balance: 26n })], chain.address)
    await assert.rejects(chain.run(again, keypair), /Insufficient balance/)
  })

  it('that one transaction changes are limited in number', async () => {
    const scatter = (count: number) => {
      const tx = new Transaction()
      tx.moveCall({
        target: `${assets}::vault::scatter`,
        typeArguments: [gold],
        arguments: [tx.pure.u64(count)],
      })
      return tx
    }
    await chain.ok(scatter(1024))
    assert.equal(
      (await chain.failure(scatter(1025))).kind,
      GrpcTypes.ExecutionError_ExecutionErrorKind.MOVE_PRIMITIVE_RUNTIME_ERROR,
    )
    assert.equal(await fundsOf('0x1', gold), 0n)
  })

  it('are there after a restart', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'floe-funds-'))
    try {
      const first = await TestChain.start({ dir, sample: false })
      try {
        await first.localnet.faucet(first.address)
        const tx = new Transaction()
        tx.moveCall({
          target: '0x2::coin::send_funds',
          typeArguments: [SUI],
          arguments: [tx.splitCoins(tx.gas, [123])[0]!, tx.pure.address('0xfeed')],
        })
        await first.ok(tx)
      } finally {
        await first.close()
      }
      const second = await TestChain.start({ dir, sample: false })
      try {
        const { balance } = await second.client.getBalance({ owner: '0xfeed' })
        assert.deepEqual([balance.addressBalance, balance.coinBalance], ['123', '0'])
      } finally {
        await second.close()
      }
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  })

  describe('of objects', () => {
    const vault = async () => {
      const tx = new Transaction()
      tx.transferObjects([tx.moveCall({ target: `${assets}::vault::new` })], chain.address)
      return created(await chain.ok(tx), '::vault::Vault')
    }
    const take = (id: string, ...amounts: number[]) => {
      const tx = new Transaction()
      for (const amount of amounts)
        tx.transferObjects(
          [
            tx.moveCall({
              target: `${assets}::vault::take`,
              typeArguments: [SUI],
              arguments: [tx.object(id), tx.pure.u64(amount)],
            }),
          ],
          chain.address,
        )
      return tx
    }

    it('are for those who have the object, as far as they go', async () => {
      const id = await vault()
      const tx = new Transaction()
      tx.moveCall({
        target: '0x2::coin::send_funds',
        typeArguments: [SUI],
        arguments: [tx.splitCoins(tx.gas, [900])[0]!, tx.pure.address(id)],
      })
      await chain.ok(tx)
      await chain.ok(take(id, 300))
      assert.equal(await fundsOf(id), 600n)
      assert.match(
        (await chain.fails(take(id, 400, 201))).message,
        /Insufficient ?funds|InsufficientBalanceForWithdraw/i,
      )
      assert.equal(await fundsOf(id), 600n)
      await chain.ok(take(id, 400, 200))
      assert.equal(await fundsOf(id), 0n)
    })
  })
})
