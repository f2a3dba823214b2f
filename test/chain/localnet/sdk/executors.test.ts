import assert from 'node:assert/strict'
import * as grpc from '@grpc/grpc-js'
import { SuiGrpcClient } from '@mysten/sui/grpc'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { ParallelTransactionExecutor, SerialTransactionExecutor, Transaction } from '@mysten/sui/transactions'
import { GrpcTransport } from '@protobuf-ts/grpc-transport'
import { created, TestChain } from '../support/chain.ts'

/** The SDK's executors, which keep versions of objects and gas coins by themselves. */
describe('chain/localnet, by the SDK: executors', function () {
  this.timeout(60_000)
  let chain: TestChain
  let transport: GrpcTransport
  before(async () => {
    chain = await TestChain.start()
    transport = new GrpcTransport({
      host: new URL(chain.localnet.url).host,
      channelCredentials: grpc.credentials.createInsecure(),
    })
  })
  after(async () => {
    transport?.close()
    await chain?.close()
  })

  const account = async () => {
    const keypair = new Ed25519Keypair()
    await chain.localnet.faucet(keypair.toSuiAddress())
    return keypair
  }
  const pay = (amount: number, to: string) => {
    const tx = new Transaction()
    tx.transferObjects([tx.splitCoins(tx.gas, [amount])], to)
    return tx
  }
  const balance = async (owner: string) => (await chain.client.getBalance({ owner })).balance.balance

  for (const [name, clientOf] of [
    ['gRPC-web', () => chain.client],
    ['native gRPC', () => new SuiGrpcClient({ network: 'testnet', transport })],
  ] as const)
    it(`serial, over ${name}: one after the other, each on what the one before left`, async () => {
      const signer = await account()
      const to = new Ed25519Keypair().toSuiAddress()
      const executor = new SerialTransactionExecutor({ client: clientOf(), signer })
      const results = await Promise.all([1, 2, 3, 4, 5].map(n => executor.executeTransaction(pay(n, to))))
      assert.ok(results.every(result => result.$kind === 'Transaction'))
      assert.equal(await balance(to), '15')
      await executor.resetCache()
      await executor.executeTransaction(pay(5, to))
      assert.equal(await balance(to), '20')
    })

  it('serial: one object changed by many', async () => {
    const executor = new SerialTransactionExecutor({ client: chain.client, signer: chain.keypair })
    const tx = new Transaction()
    tx.transferObjects(
      [tx.moveCall({ target: chain.target('thing'), arguments: [tx.pure.u64(0)] })],
      chain.address,
    )
    const made = await executor.executeTransaction(tx, { objectTypes: true, effects: true })
    const thing = created(made.Transaction as never, '::things::Thing')
    const set = (value: number) => {
      const next = new Transaction()
      next.moveCall({ target: chain.target('set'), arguments: [next.object(thing), next.pure.u64(value)] })
      return executor.executeTransaction(next)
    }
    await Promise.all([1, 2, 3, 4].map(set))
    const { object } = await chain.client.getObject({ objectId: thing, include: { json: true } })
    assert.equal(
      (object.json as { value?: string; n?: string }).value ?? (object.json as { n: string }).n,
      '4',
    )
    await executor.waitForLastTransaction()
  })

  it('parallel: many at once, each with a gas coin of its own', async () => {
    const signer = await account()
    const to = new Ed25519Keypair().toSuiAddress()
    const executor = new ParallelTransactionExecutor({
      client: chain.client,
      signer,
      initialCoinBalance: 200_000_000n,
      minimumCoinBalance: 50_000_000n,
      maxPoolSize: 8,
    })
    const results = await Promise.all(
      Array.from({ length: 24 }, (_, i) => executor.executeTransaction(pay(i + 1, to))),
    )
    assert.equal(new Set(results.map(result => result.Transaction?.digest)).size, 24)
    assert.equal(await balance(to), `${(24 * 25) / 2}`)
    await executor.waitForLastTransaction()
  })

  it('parallel: transactions of one shared object, in some order', async () => {
    const signer = await account()
    const executor = new ParallelTransactionExecutor({ client: chain.client, signer, maxPoolSize: 4 })
    const draw = () => {
      const tx = new Transaction()
      tx.moveCall({ target: chain.target('now'), arguments: [tx.object.clock()] })
      return executor.executeTransaction(tx)
    }
    const results = await Promise.all(Array.from({ length: 8 }, draw))
    assert.ok(results.every(result => result.$kind === 'Transaction'))
    await executor.waitForLastTransaction()
  })
})
