import assert from 'node:assert/strict'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SuiGrpcClient } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { isChainError } from '../../../chain/errors.ts'
import { createCoordinator, keypairWallet } from '../../../chain/index.ts'
import { EPOCH_MS, metadataOf, seed, startTestNetwork, type TestNetwork } from './network.ts'

/** Passes requests on and counts them by method. */
class Counter {
  readonly counts = new Map<string, number>()
  readonly #server: Server

  constructor(target: string) {
    this.#server = createServer((incoming, response) => {
      const method = incoming.url!.split('/').at(-1)!
      this.counts.set(method, (this.counts.get(method) ?? 0) + 1)
      const { method: verb, headers, url } = incoming
      const upstream = request(new URL(url!, target), { method: verb, headers }, answer => {
        response.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(response)
      })
      upstream.on('error', () => response.destroy())
      response.on('close', () => upstream.destroy())
      incoming.pipe(upstream)
    })
  }

  async start(): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  take(): Record<string, number> {
    const counts = Object.fromEntries(this.counts)
    this.counts.clear()
    return counts
  }

  async stop(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}

describe('what the client asks of the RPC', function () {
  this.timeout(60_000)
  let on: TestNetwork
  let counter: Counter
  let url: string

  before(async () => {
    on = await startTestNetwork()
    counter = new Counter(on.localnet.url)
    url = await counter.start()
  })
  after(async () => {
    await counter?.stop()
    await on?.close()
  })
  afterEach(() => counter.counts.clear())

  it('reads the committee once for many callers, and its members once per epoch', async () => {
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
      BatchGetObjects: 2, // prices; the new object
      GetBalance: 1,
      ListOwnedObjects: 1,
      SimulateTransaction: 1,
      ExecuteTransaction: 1,
      GetTransaction: 1,
    })
    await coordinator.close()
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
