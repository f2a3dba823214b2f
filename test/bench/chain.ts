/** The chain with a client beside it in one process: start, genesis, publish, transactions, uploads' calls, events. */
import { SuiGrpcClient } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { systemClock } from '../../base/clock.ts'
import { listCoins } from '../../chain/client/coins.ts'
import { Executor } from '../../chain/client/executor.ts'
import { RpcPool } from '../../chain/client/rpc.ts'
import { loadBuild } from '../../chain/compiled.ts'
import { DirectSender } from '../../chain/genesis/sender.ts'
import { keypairWallet } from '../../chain/index.ts'
import { startLocalnet } from '../../chain/localnet/index.ts'
import {
  certificateOf,
  metadataOf,
  seed,
  startTestNetwork,
  type TestNetwork,
} from '../chain/client/network.ts'
import type { BenchOptions } from './main.ts'

export async function run({ quick, report: tell }: BenchOptions): Promise<void> {
  const report: Report = (name, value, figure) => tell({ of: { case: name }, took: { [figure]: value } })
  const count = quick ? 10 : 300

  const startMs = await timed(async () => (await startLocalnet()).close())
  report('localnet, started and stopped', startMs, 'ms')
  let on: TestNetwork | undefined
  const genesisMs = await timed(async () => {
    on = await startTestNetwork({ nodes: 13, nShards: 100 })
  })
  report('localnet with a network of 13 nodes', genesisMs, 'ms')
  try {
    await transactions(on!, count, report)
    await uploads(on!, quick ? 5 : 100, report)
  } finally {
    await on!.close()
  }
}

type Report = (name: string, value: number, figure: 'ms' | 'perSecond') => void

async function transactions(on: TestNetwork, count: number, report: Report): Promise<void> {
  const wallet = keypairWallet(seed(20, 1))
  await on.localnet.faucet(wallet.address)
  const closing = new AbortController()
  const rpc = new RpcPool({
    clock: systemClock,
    random: Math.random,
    urls: [on.localnet.url],
    network: 'localnet',
    closed: closing.signal,
  })
  const executor = new Executor(rpc, closing.signal)
  const gas = await rpc.read(client => listCoins(client, wallet.address, '0x2::sui::SUI'))
  const sender = new DirectSender({ wallet, executor, gas, gasPriceMist: 1000n })
  const split = (tx: Transaction) => {
    const [coin] = tx.splitCoins(tx.gas, [1000n])
    tx.transferObjects([coin!], on.admin.address)
  }
  const direct = await timed(() => repeat(count, () => sender.send(split)))
  report('transactions, resolved by the client', (count / direct) * 1000, 'perSecond')

  const client = new SuiGrpcClient({ network: 'localnet', baseUrl: on.localnet.url })
  const sdk = await timed(() =>
    repeat(count, async () => {
      const tx = new Transaction()
      split(tx)
      await client.signAndExecuteTransaction({ transaction: tx, signer: on.admin.signer })
    }),
  )
  report("transactions, through Sui's SDK", (count / sdk) * 1000, 'perSecond')

  const { modules, dependencies } = loadBuild('walrus', { wal: on.network.walType.split('::')[0]! })
  const publish = await timed(() =>
    sender.send(tx => {
      const cap = tx.publish({ modules: modules.map(module => Array.from(module)), dependencies })
      tx.transferObjects([cap], wallet.address)
    }),
  )
  report(`publish of ${modules.length} modules`, publish, 'ms')
  closing.abort()
}

async function uploads(on: TestNetwork, count: number, report: Report): Promise<void> {
  const writer = on.coordinator.writer(on.admin)
  const committees = await on.coordinator.committees()
  const blobs = Array.from({ length: count }, (_, i) => metadataOf(on.nShards, 1000 + i, i % 256))
  const registered: Awaited<ReturnType<typeof writer.register>>[] = []
  const registerMs = await timed(() =>
    repeat(count, async i => {
      registered.push(await writer.register({ metadata: blobs[i]!, epochs: 1, deletable: true }))
    }),
  )
  report('register', registerMs / count, 'ms')
  const certificates = registered.map(({ blob }) =>
    certificateOf(on, committees, {
      blobId: blob.blobId,
      persistence: { kind: 'deletable', objectId: blob.objectId },
    }),
  )
  const certifyMs = await timed(() =>
    repeat(count, async i => {
      await writer.certify(registered[i]!.blob.objectId, certificates[i]!)
    }),
  )
  report('certify', certifyMs / count, 'ms')

  const stop = new AbortController()
  let events = 0
  const followMs = await timed(async () => {
    for await (const event of on.coordinator.follow({ signal: stop.signal })) {
      events++
      if (event.type === 'BlobCertified' && event.objectId === registered.at(-1)!.blob.objectId) stop.abort()
    }
  })
  report('events read from the start', (events / followMs) * 1000, 'perSecond')
}

async function repeat(count: number, task: (i: number) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i++) await task(i)
}

async function timed(task: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await task()
  return performance.now() - start
}
