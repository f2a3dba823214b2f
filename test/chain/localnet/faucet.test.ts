import assert from 'node:assert/strict'
import { requestSuiFromFaucetV2 } from '@mysten/sui/faucet'
import { Transaction } from '@mysten/sui/transactions'
import { loadBuild } from '../../../chain/build.ts'
import { created, TestChain } from './support/chain.ts'

const gift = 1_000_000_000_000n

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
    const [coin] = coins!
    assert.equal(BigInt(coin!.amount), gift)
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
      assert.equal((json.transferredGasObjects as unknown[]).length, 1)
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

  it("gives the network's coin along, until it runs out", async () => {
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
    for (let i = 1n; i <= 2n; i++) {
      const { coins } = await chain.localnet.faucet('0xc1')
      assert.deepEqual(coins.map(coin => coin.amount).sort(), [1_000n, gift])
      assert.equal(await balance('0xc1', coinType), i * 1_000n)
    }
    await assert.rejects(chain.localnet.faucet('0xc1'), { code: 'RESOURCE_EXHAUSTED' })
    assert.equal((await post('/v2/gas', ask('0xc1'))).status, 503)
  })
})
