import assert from 'node:assert/strict'
import { SuiGrpcClient } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { isChainError } from '../../../chain/errors.ts'
import { createCoordinator, keypairWallet } from '../../../chain/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { HttpProxy } from './http-proxy.ts'
import { EPOCH_MS, metadataOf, seed, startTestNetwork, type TestNetwork } from './network.ts'

describe('what the client asks of the RPC', function () {
  this.timeout(60_000)
  let on: TestNetwork
  let counter: HttpProxy
  let url: string

  before(async () => {
    on = await startTestNetwork()
    counter = new HttpProxy(on.localnet.url)
    url = await counter.start()
  })
  after(async () => {
    await counter?.stop()
    await on?.close()
  })
  afterEach(() => counter.counts.clear())

  it('reads the committee once for many callers, and its members not again at once', async () => {
    const coordinator = createCoordinator({ ...on.network, suiRpc: [url] })
    const [first, ...others] = await Promise.all(Array.from({ length: 20 }, () => coordinator.committees()))
    for (const other of others) assert.equal(other, first)
    // the versioned objects (their version may be guessed wrong once), pools, metadata
    assert.ok(counter.take().BatchGetObjects! <= 4)
    await coordinator.committees()
    assert.deepEqual(counter.take(), {})
    const again = await coordinator.committees({ fresh: true })
    assert.equal(again.current, first!.current)
    assert.deepEqual(counter.take(), { BatchGetObjects: 1 })
    await coordinator.close()
  })

  it('finds a member that has moved within an epoch', async () => {
    const clock = new VirtualClock()
    const coordinator = createCoordinator({ ...on.network, suiRpc: [url] }, { clock })
    const operator = on.coordinator.operator(on.nodes[0]!.wallet)
    const name = on.nodes[0]!.name
    const read = async (options?: { fresh: boolean }) => {
      const { current } = await coordinator.committees(options)
      const { networkPublicKey, networkAddress, multiaddrs } = current.members.find(m => m.name === name)!
      return { networkPublicKey, networkAddress, multiaddrs }
    }
    const before = await read()
    const moved = {
      networkPublicKey: Uint8Array.of(0, ...seed(5, 7)),
      networkAddress: '127.0.0.1:9999',
      multiaddrs: ['/ip4/127.0.0.1/tcp/4321'],
    }
    await operator.setNetworkPublicKey(moved.networkPublicKey)
    await operator.setNetworkAddress(moved.networkAddress)
    await operator.setMultiaddrs(moved.multiaddrs)
    // a thousand pools are not read again for each who asks
    assert.deepEqual(await read({ fresh: true }), before)
    await clock.advance(5_000)
    assert.deepEqual(await read(), before)
    assert.deepEqual(await read({ fresh: true }), moved)
    // and without being told to
    await operator.setNetworkAddress('127.0.0.1:9998')
    await clock.advance(59_999)
    assert.deepEqual(await read(), moved)
    await clock.advance(2_000)
    assert.deepEqual(await read(), { ...moved, networkAddress: '127.0.0.1:9998' })
    await coordinator.close()
  })

  it('notices a new epoch at once when somebody follows the events', async () => {
    const coordinator = createCoordinator({ ...on.network, suiRpc: [url] })
    const stop = new AbortController()
    const started = Promise.withResolvers<void>()
    const follower = (async () => {
      for await (const event of coordinator.follow({ signal: stop.signal })) {
        if (event.type === 'EpochChangeStart' && event.epoch === 2) started.resolve()
      }
    })()
    assert.equal((await coordinator.committees()).epoch, 1)
    const operator = coordinator.operator(on.nodes[0]!.wallet)
    await on.localnet.advanceClock(EPOCH_MS)
    await operator.votingEnd()
    await operator.initiateEpochChange()
    await started.promise
    assert.equal((await coordinator.committees()).epoch, 2)
    stop.abort()
    await follower
    await coordinator.close()
  })

  it('needs few requests to register', async () => {
    const coordinator = createCoordinator({ ...on.network, suiRpc: [url] })
    const register = () =>
      coordinator.writer(on.admin).register({
        metadata: metadataOf(on.nShards, 10, Math.floor(Math.random() * 256)),
        epochs: 1,
        deletable: true,
      })
    await register()
    counter.take()
    await register()
    assert.deepEqual(counter.take(), {
      BatchGetObjects: 1, // the new object; prices are those of a moment before
      ListOwnedObjects: 1,
      SimulateTransaction: 1,
      ExecuteTransaction: 1,
      GetTransaction: 1,
    })
    await coordinator.close()
  })

  it('registers at the new price when that of a moment before has become too low', async () => {
    const own = await startTestNetwork({ nodes: 1 })
    const proxy = new HttpProxy(own.localnet.url)
    const coordinator = createCoordinator({ ...own.network, suiRpc: [await proxy.start()] })
    try {
      const { storagePriceFrost } = await coordinator.system({ recent: true })
      const votes = { storagePriceFrost: storagePriceFrost * 2n }
      await coordinator.operator(own.nodes[0]!.wallet).vote(votes)
      // what it has just read says the old price, and is not asked for again
      assert.equal((await coordinator.system({ recent: true })).storagePriceFrost, storagePriceFrost)
      proxy.take()
      const input = { metadata: metadataOf(own.nShards, 10, 1), epochs: 1, deletable: true }
      using prepared = await coordinator.writer(own.admin).prepareRegistration(input)
      // nothing was handed in, and what the first build came to is over
      assert.equal(proxy.counts.get('ExecuteTransaction'), undefined)
      const { visible } = await prepared.submit()
      const { costFrost } = await visible
      const { SimulateTransaction, ExecuteTransaction } = proxy.take()
      assert.deepEqual([SimulateTransaction, ExecuteTransaction], [2, 1])
      assert.ok(costFrost > storagePriceFrost)
    } finally {
      await coordinator.close()
      await proxy.stop()
      await own.close()
    }
  })

  it('builds a transaction anew when another program took its coins in the last moment', async () => {
    const coordinator = createCoordinator({ ...on.network, suiRpc: [url] })
    const other = createCoordinator(on.network)
    const register = (through: typeof other, tag: number) =>
      through
        .writer(on.admin)
        .register({ metadata: metadataOf(on.nShards, 10, tag), epochs: 1, deletable: true })
    const before = await other.balances(on.admin.address)
    let first: Awaited<ReturnType<typeof register>> | undefined
    counter.before('ExecuteTransaction', async () => {
      first = await register(other, 61)
    })
    const second = await register(coordinator, 62)
    const after = await other.balances(on.admin.address)
    assert.equal(before.wal - after.wal, first!.costFrost + second.costFrost)
    assert.equal(counter.take().ExecuteTransaction, 2)
    await Promise.all([coordinator.close(), other.close()])
  })

  it('tells how much SUI is missing when there is some, but not enough', async () => {
    const wallet = keypairWallet(seed(8, 1))
    const client = new SuiGrpcClient({ network: 'localnet', baseUrl: on.localnet.url })
    const coordinator = createCoordinator(on.network)
    const metadata = metadataOf(on.nShards, 10, 77)
    const { blob } = await coordinator.writer(on.admin).register({ metadata, epochs: 1, deletable: true })
    await coordinator.manager(on.admin).send(blob.objectId, wallet.address)
    for (const amount of [1n, 1_500_000n]) {
      const tx = new Transaction()
      const [coin] = tx.splitCoins(tx.gas, [amount])
      tx.transferObjects([coin!], wallet.address)
      await client.signAndExecuteTransaction({ transaction: tx, signer: on.admin.signer })
      await assert.rejects(
        coordinator.manager(wallet).setAttributes(blob.objectId, { key: 'value' }),
        error => {
          assert.ok(isChainError(error, 'NOT_ENOUGH_SUI'), String(error))
          assert.ok(error.details.neededMist > error.details.availableMist)
          assert.ok(error.details.availableMist >= amount)
          return true
        },
      )
    }
    await coordinator.close()
  })
})
