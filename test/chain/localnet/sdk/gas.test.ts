import assert from 'node:assert/strict'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Transaction } from '@mysten/sui/transactions'
import { TestChain } from '../support/chain.ts'

/** Gas as the SDK's users set it, or leave it to be set. */
describe('chain/localnet, by the SDK: gas', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start({ sample: false })
  })
  after(() => chain?.close())

  const account = async () => {
    const keypair = new Ed25519Keypair()
    await chain.localnet.faucet(keypair.toSuiAddress())
    const { objects } = await chain.client.listCoins({
      owner: keypair.toSuiAddress(),
      coinType: '0x2::sui::SUI',
    })
    return { keypair, owner: keypair.toSuiAddress(), coins: objects }
  }
  const refOf = ({ objectId, version, digest }: { objectId: string; version: string; digest: string }) => ({
    objectId,
    version,
    digest,
  })

  it('takes what is set: payment, budget, price; the rest is not touched', async () => {
    const { keypair, owner, coins } = await account()
    const tx = new Transaction()
    tx.transferObjects([tx.splitCoins(tx.gas, [7])], '0x1234')
    tx.setGasPayment([refOf(coins[1]!), refOf(coins[2]!)])
    tx.setGasBudget(20_000_000)
    tx.setGasPrice(2000)
    const executed = await chain.ok(tx, keypair)
    assert.equal(executed.effects!.gasObject!.objectId, coins[1]!.objectId)
    assert.equal(executed.effects!.gasUsed.computationCost, `${1000 * 2000}`)
    const { objects: left } = await chain.client.listCoins({ owner, coinType: '0x2::sui::SUI' })
    assert.deepEqual(
      left.map(({ objectId }) => objectId).sort(),
      coins
        .map(({ objectId }) => objectId)
        .filter(id => id !== coins[2]!.objectId)
        .sort(),
    )
    const paid = left.find(({ objectId }) => objectId === coins[1]!.objectId)!
    assert.equal(
      BigInt(paid.balance),
      BigInt(coins[1]!.balance) + BigInt(coins[2]!.balance) - 7n - 2_000_000n,
    )
  })

  it('selects coins that are not inputs, and says when there are none', async () => {
    const { keypair, owner, coins } = await account()
    const tx = new Transaction()
    tx.transferObjects(
      coins.slice(1).map(({ objectId }) => tx.object(objectId)),
      '0x1235',
    )
    const executed = await chain.ok(tx, keypair)
    assert.equal(executed.effects!.gasObject!.objectId, coins[0]!.objectId)
    const all = new Transaction()
    all.transferObjects([all.object(coins[0]!.objectId)], '0x1235')
    all.setSender(owner)
    await assert.rejects(
      all.build({ client: chain.client }),
      /Unable to perform gas selection|No valid gas coins/,
    )
  })

  it('estimates a budget that is enough, and refuses one that is not', async () => {
    const { keypair } = await account()
    const tx = new Transaction()
    tx.setSender(keypair.toSuiAddress())
    tx.transferObjects([tx.splitCoins(tx.gas, [1])], '0x1236')
    const bytes = await tx.build({ client: chain.client })
    const { gasData } = Transaction.from(bytes).getData()
    assert.ok(BigInt(gasData.budget!) >= 1_000_000n)
    await chain.submit(bytes, keypair)
    const poor = new Transaction()
    poor.setGasBudget(999)
    await assert.rejects(chain.run(poor, keypair), /Gas budget: 999 is lower than min/)
    const rich = new Transaction()
    rich.setGasBudget(51_000_000_000)
    await assert.rejects(chain.run(rich, keypair), /Gas budget: 51000000000 is higher than max/)
    const cheap = new Transaction()
    cheap.setGasPrice(999)
    await assert.rejects(chain.run(cheap, keypair), /under reference gas price/)
  })

  it('spends the whole gas coin, and many coins in one payment', async () => {
    const { keypair, owner, coins } = await account()
    const receiver = new Ed25519Keypair().toSuiAddress()
    const tx = new Transaction()
    tx.setGasPayment(coins.map(refOf))
    tx.transferObjects([tx.gas], receiver)
    await chain.ok(tx, keypair)
    assert.equal((await chain.client.getBalance({ owner })).balance.balance, '0')
    const sum = coins.reduce((total, { balance }) => total + BigInt(balance), 0n)
    assert.equal((await chain.client.getBalance({ owner: receiver })).balance.balance, `${sum - 1_000_000n}`)
  })
})
