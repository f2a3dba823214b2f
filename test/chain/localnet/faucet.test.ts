import assert from 'node:assert/strict'
import { requestSuiFromFaucetV2 } from '@mysten/sui/faucet'
import { Transaction } from '@mysten/sui/transactions'
import { loadBuild } from '../../../chain/compiled.ts'
import { FaucetPurse } from '../../../chain/localnet/ledger/faucet-purse.ts'
import { coinBalance, sealMove } from '../../../chain/localnet/ledger/object.ts'
import { LiveObjects } from '../../../chain/localnet/ledger/store/live-objects.ts'
import { created, TestChain } from './support/chain.ts'

const gift = 1_000_000_000_000n
const giftCoins = 5

describe('chain/localnet: faucet', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start({ sample: false })
    await chain.localnet.faucet(chain.address)
  })
  after(() => chain?.close())

  const balance = async (owner: string, coinType?: string) =>
    BigInt((await chain.client.getBalance({ owner, coinType })).balance.balance)
  const post = async (path: string, body: string) => {
    const response = await fetch(chain.localnet.faucetUrl + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    return { status: response.status, json: (await response.json()) as Record<string, unknown> }
  }
  const ask = (recipient: unknown) => JSON.stringify({ FixedAmountRequest: { recipient } })

  it("takes the SDK's request", async () => {
    const { coins_sent: coins } = await requestSuiFromFaucetV2({
      host: chain.localnet.faucetUrl,
      recipient: '0xa1',
    })
    assert.deepEqual(
      coins!.map(({ amount }) => BigInt(amount)),
      Array(giftCoins).fill(gift / BigInt(giftCoins)),
    )
    const [coin] = coins!
    assert.equal(await balance('0xa1'), gift)
    const { Transaction: executed } = await chain.client.getTransaction({ digest: coin!.transferTxDigest })
    assert.ok(executed)
    const { object } = await chain.client.getObject({ objectId: coin!.id })
    assert.equal(object.previousTransaction ?? coin!.transferTxDigest, coin!.transferTxDigest)
  })

  it('takes the older requests, and those to its bare URL', async () => {
    for (const path of ['/gas', '/v1/gas']) {
      const { status, json } = await post(path, ask('0xa2'))
      assert.equal(status, 201)
      assert.equal((json.transferredGasObjects as unknown[]).length, giftCoins)
      assert.equal(json.error, null)
    }
    assert.equal((await post('', ask('0xa2'))).json.status, 'Success')
    assert.equal(await balance('0xa2'), 3n * gift)
  })

  it('refuses what is no request', async () => {
    for (const body of ['', '{}', 'null', ask(5), ask('0xzz'), ask(''), ask(`0x${'1'.repeat(65)}`)]) {
      const { status, json } = await post('/v2/gas', body)
      assert.equal(status, 400)
      assert.ok((json.status as { Failure: { internal: string } }).Failure.internal)
    }
  })

  it('serves many at the same time', async () => {
    const owners = Array.from({ length: 20 }, (_, i) => `0xb${i.toString(16).padStart(4, '0')}`)
    await Promise.all(owners.map(owner => chain.localnet.faucet(owner)))
    for (const owner of owners) assert.equal(await balance(owner), gift)
  })

  it("gives the network's coin along, listed apart, also when all that it was sent is given away", async () => {
    const wal = loadBuild('wal')
    const { executed, packageId } = await chain.publish({
      modules: wal.modules.map(module => Array.from(module)),
      dependencies: wal.dependencies,
    })
    const coinType = `${packageId}::wal::WAL`
    const own = created(executed, `Coin<${coinType}>`)
    const tx = new Transaction()
    tx.transferObjects([tx.splitCoins(tx.object(own), [2_500])], chain.localnet.faucetAddress)
    await chain.ok(tx)
    await chain.localnet.setFaucetCoin(coinType, 1_000n)
    for (let i = 1n; i <= 4n; i++) {
      const { coins, others } = await chain.localnet.faucet('0xc1')
      assert.deepEqual([coins.length, others.map(coin => coin.amount)], [giftCoins, [1_000n]])
      assert.equal(await balance('0xc1', coinType), i * 1_000n)
    }
    const { json } = await post('/v2/gas', ask('0xc1'))
    assert.equal((json.coins_sent as unknown[]).length, giftCoins)
    const [other] = json.other_coins_sent as { coinType: string; amount: number; id: string }[]
    assert.deepEqual([other!.coinType, other!.amount], [coinType, 1_000])
    const { object } = await chain.client.getObject({ objectId: other!.id })
    assert.match(object.type, /::wal::WAL>$/)
  })

  it('does not lose sight of its coin among many that it is sent', async () => {
    const tx = new Transaction()
    for (let i = 0; i < 4; i++) {
      const amounts = Array.from({ length: 500 }, () => tx.pure.u64(1))
      const dust = tx.splitCoins(tx.gas, amounts)
      const coins = amounts.map((_, j) => dust[j]!)
      tx.transferObjects(coins, chain.localnet.faucetAddress)
    }
    await chain.ok(tx)
    await chain.localnet.faucet('0xd1')
    assert.equal((await post('/v2/gas', ask('0xd1'))).status, 201)
    assert.equal(await balance('0xd1'), 2n * gift)
  })

  it('serves hundreds of requests at once, and the next', async () => {
    const requests = Array.from({ length: 300 }, (_, i) =>
      chain.localnet.faucet(`0xe${i.toString(16).padStart(4, '0')}`),
    )
    await Promise.all(requests)
    assert.equal((await post('/v2/gas', ask('0xd2'))).status, 201)
    assert.equal(await balance('0xd2'), gift)
  })

  it('mints when it has given everything away', async () => {
    const objects = new LiveObjects()
    const purse = new FaucetPurse(objects)
    const first = purse.coinOf('0x2::sui::SUI', 10n)
    objects.put(first)
    assert.equal(purse.coinOf('0x2::sui::SUI', coinBalance(first.contents)), first)
    const spent = sealMove({ ...first, contents: Uint8Array.from(first.contents).fill(0, 32), version: 7n })
    objects.put(spent)
    const again = purse.coinOf('0x2::sui::SUI', 10n)
    assert.deepEqual([again.id, again.version], [first.id, 8n])
    assert.ok(coinBalance(again.contents) >= 10n)
    assert.notEqual(purse.coinOf('0x5::a::A', 1n).id, first.id)
  })
})
