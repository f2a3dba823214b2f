import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createCoordinator, createPooledWriter, keypairWallet } from '../../chain/index.ts'
import type { BlobObject, FullCoordinator, Wallet } from '../../chain/types/index.ts'
import { createCodec, encodedSize, parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { createClient } from '../../node/client/node-client.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import { SubWallets } from '../../node/gateway/index.ts'
import { readWallet } from '../../node/wallet-file.ts'
import { officialEncode } from '../codec/support/official.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { cli } from './support/cli.ts'
import { withWriterHooks } from './support/writer-hooks.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'node', 'cli', 'main.ts')

describe('one wallet of many programs', function () {
  this.timeout(120_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  let network: string[]
  before(async () => {
    folder = await temporaryFolder()
    devnet = await startDevnet({
      dir: folder.path,
      port: 0,
      nodes: 4,
      shards: 10,
      log: silentLog(),
      driveEpochs: false,
      subWallets: 4,
    })
    network = ['--network', join(folder.path, 'network.json')]
  })
  after(async () => {
    await devnet?.close()
    await folder?.remove()
  })

  const file = async (data: Uint8Array): Promise<string> => {
    const path = join(folder.path, randomBytes(4).toString('hex'))
    await writeFile(path, data)
    return path
  }
  const put = (data: Uint8Array, signal?: AbortSignal) =>
    fetch(`${devnet.gatewayUrl}/v1/blobs?epochs=1`, {
      method: 'PUT',
      body: Buffer.from(data),
      signal,
    })
  const subWallets = (): Promise<Wallet[]> => {
    const keys = join(devnet.dir, 'gateway', 'sub-wallets', devnet.user.address)
    return Promise.all(['00', '01', '02', '03'].map(name => readWallet(join(keys, `${name}.key`))))
  }
  /** What the wallet, or its sub-wallets, have paid for of these bytes. */
  const paid = async (data: Uint8Array): Promise<BlobObject[]> => {
    const { blobId } = officialEncode(data, 10)
    const coordinator = createCoordinator(devnet.network)
    try {
      const wallets = [devnet.user, ...(await subWallets())]
      const owned = await Promise.all(wallets.map(({ address }) => coordinator.ownedBlobs(address)))
      return owned.flat().filter(blob => blob.blobId === blobId)
    } finally {
      await coordinator.close()
    }
  }
  const expectPaidOnce = async (data: Uint8Array): Promise<void> => {
    const objects = await paid(data)
    assert.equal(objects.length, 1)
    assert.notEqual(objects[0]?.certifiedEpoch, undefined)
  }

  /** As the nodes' operators end an epoch and begin the next. */
  const changeEpoch = async (coordinator: FullCoordinator): Promise<void> => {
    const operators = await Promise.all(
      devnet.nodes.map(async (_, i) => {
        const path = join(folder.path, 'nodes', String(i).padStart(2, '0'), 'keys', 'sui.key')
        return coordinator.operator(keypairWallet((await readFile(path, 'utf8')).trim()))
      }),
    )
    const { epochDurationMs, epoch } = await coordinator.system()
    await devnet.advanceClock(epochDurationMs)
    await operators[0]!.votingEnd()
    await devnet.advanceClock(epochDurationMs)
    await operators[0]!.initiateEpochChange()
    for (const operator of operators) await operator.epochSyncDone((epoch + 1) as Epoch)
  }

  it('pays once for one content, whoever stores it at the same time', async () => {
    const data = randomBytes(3000)
    const path = await file(data)
    const answers = await Promise.all([
      ...Array.from({ length: 6 }, async () => (await put(data)).status),
      ...Array.from({ length: 3 }, async () => (await cli(['store', path, ...network])).code),
    ])
    assert.deepEqual(answers, [200, 200, 200, 200, 200, 200, 0, 0, 0])
    await expectPaidOnce(data)
  })

  const store = async (data: Uint8Array, query: string) => {
    const response = await fetch(`${devnet.gatewayUrl}/v1/blobs?${query}`, {
      method: 'PUT',
      body: Buffer.from(data),
    })
    assert.equal(response.status, 200, await response.clone().text())
    return await response.json()
  }

  it('uses at the gateway what the wallet has: storage of deleted blobs, and blobs that end too early', async () => {
    const data = randomBytes(3000)
    const coordinator = createCoordinator(devnet.network)
    try {
      const { storagePriceFrost, writePriceFrost } = await coordinator.system()
      const units = BigInt(Math.ceil(encodedSize(10, 3000) / 2 ** 20))
      const first = await store(data, 'epochs=2')
      const encodedLength = encodedSize(10, 3000)
      const from = { registerFromScratch: { encodedLength, epochsAhead: 2 } }
      assert.deepEqual(first.newlyCreated.resourceOperation, from)
      assert.equal(BigInt(first.newlyCreated.cost), units * (2n * storagePriceFrost + writePriceFrost))
      const { blobId, id } = first.newlyCreated.blobObject
      const path = `${devnet.gatewayUrl}/v1/blobs`
      const deleted = await fetch(`${path}/${blobId}`, { method: 'DELETE' })
      assert.equal((await deleted.json()).deleted.blobObject.id, id)
      assert.equal((await fetch(`${path}/by-object-id/${id}`, { method: 'DELETE' })).status, 404)

      const again = await store(randomBytes(3000), 'epochs=2')
      assert.deepEqual(again.newlyCreated.resourceOperation, { reuseStorage: { encodedLength } })
      assert.equal(BigInt(again.newlyCreated.cost), units * writePriceFrost)

      const more = randomBytes(3000)
      const short = await store(more, 'epochs=1')
      const longer = await store(more, 'epochs=4')
      const extended = { reuseAndExtend: { encodedLength, epochsExtended: 3 } }
      assert.deepEqual(longer.newlyCreated.resourceOperation, extended)
      assert.equal(longer.newlyCreated.blobObject.id, short.newlyCreated.blobObject.id)
      assert.equal(BigInt(longer.newlyCreated.cost), units * 3n * storagePriceFrost)
      assert.equal((await paid(more)).length, 1)
      const extend = () =>
        fetch(`${path}/${longer.newlyCreated.blobObject.blobId}/extend?until_epoch=7`, { method: 'POST' })
      const costs: number[] = []
      for (let i = 0; i < 2; i++) costs.push((await (await extend()).json()).extended.cost)
      assert.deepEqual(costs, [Number(units * 2n * storagePriceFrost), 0])
      assert.equal((await paid(more))[0]?.storage.endEpoch, 7)
    } finally {
      await coordinator.close()
    }
  })

  it('makes a shared blob at the gateway, and sends objects, whatever is stored already', async () => {
    const data = randomBytes(300)
    const coordinator = createCoordinator(devnet.network)
    try {
      await store(data, 'permanent=true')
      const { alreadyCertified } = await store(data, 'permanent=true')
      assert.deepEqual(Object.keys(alreadyCertified).sort(), ['blobId', 'endEpoch', 'event'])
      const { newlyCreated } = await store(data, 'share=true')
      const shared = await coordinator.sharedBlob(newlyCreated.sharedBlobObject)
      assert.equal(shared?.blob.objectId, newlyCreated.blobObject.id)
      const address = `0x${'ab'.repeat(32)}` as const
      const sent = await store(data, `permanent=true&send_object_to=${address}`)
      const [owned] = await coordinator.ownedBlobs(parseObjectId(address))
      assert.equal(owned?.objectId, sent.newlyCreated.blobObject.id)
    } finally {
      await coordinator.close()
    }
  })

  it('stores at once by its sub-wallets, and owns what they have stored', async () => {
    const coordinator = createCoordinator(devnet.network)
    const subs = await subWallets()
    const suiOf = async ({ address }: Wallet) => (await coordinator.balances(address)).sui
    try {
      // the last one is told in the moment in which all are taken for filled
      while (!(await devnet.metrics.text()).includes('wallet="sub-03",coin="WAL"')) await sleep(10)
      const before = await Promise.all(subs.map(suiOf))
      const blobs = Array.from({ length: 8 }, () => randomBytes(700))
      const answers = await Promise.all(blobs.map(async data => (await put(data)).status))
      assert.deepEqual(answers, Array(8).fill(200))
      for (const data of blobs) await expectPaidOnce(data)
      for (const [i, sub] of subs.entries()) {
        assert.deepEqual(await coordinator.ownedBlobs(sub.address), [])
        assert.notEqual(await suiOf(sub), before[i], 'it had no part')
      }
    } finally {
      await coordinator.close()
    }
  })

  it('takes back what it gave to sub-wallets, and what an upload that was cut short left with them', async () => {
    await using coordinator = createCoordinator(devnet.network)
    const { user: wallet } = devnet
    const clock = systemClock
    const open = (count: number) =>
      SubWallets.open({ folder: join(folder.path, 'others'), count, wallet, chain: coordinator, clock })
    const codec = createCodec({ threads: 0 })
    const metadata = await codec.metadata(randomBytes(400), 10).finally(() => codec.close())
    let sub: Wallet
    let objectId: ObjectId
    {
      await using pool = await open(2)
      await pool.start()
      const [first, second] = pool.wallets as [Wallet, Wallet]
      // resolves when they have been filled
      await pool.onShort(first.address)
      assert.equal((await coordinator.balances(second.address)).wal, 500_000_000n)
      const writer = createPooledWriter(coordinator, wallet, pool)
      const { blob } = await writer.register({ metadata, epochs: 1, deletable: true })
      assert.equal(blob.owner, first.address)
      sub = first
      objectId = blob.objectId
    }
    {
      await using pool = await open(1)
      await pool.start()
      assert.equal((await coordinator.blob(objectId))?.owner, wallet.address)
    }
    await using none = await open(0)
    await none.start()
    assert.deepEqual(await coordinator.balances(sub.address), { sui: 0n, wal: 0n })
  })

  it('stores what many programs store at the same time', async () => {
    const files = await Promise.all(Array.from({ length: 4 }, () => file(randomBytes(500))))
    const puts = Array.from({ length: 4 }, async () => (await put(randomBytes(500))).status)
    const codes = files.map(async path => {
      const { code, stderr } = await cli(['store', path, ...network])
      return code === 0 ? 0 : stderr
    })
    assert.deepEqual(await Promise.all([...puts, ...codes]), [200, 200, 200, 200, 0, 0, 0, 0])
  })

  it('pays once for what an epoch change makes worthless on the way', async () => {
    const data = randomBytes(2_000)
    const coordinator = createCoordinator(devnet.network)
    let changes = 0
    const hooked = withWriterHooks(coordinator, {
      async certifying() {
        if (changes++ === 0) await changeEpoch(coordinator)
      },
    })
    const client = await createClient(devnet.network, { wallet: devnet.user, coordinator: hooked })
    try {
      const result = await client.store(data, { epochs: 2, deletable: true })
      const { epoch } = await coordinator.system()
      assert.equal(result.kind === 'newlyCreated' && result.blob.certifiedEpoch, epoch)
      assert.ok(changes >= 2)
      await expectPaidOnce(data)
    } finally {
      await client.close()
      await coordinator.close()
    }
  })

  it('pays once for what was aborted again and again at the gateway', async () => {
    const data = randomBytes(50_000)
    for (let i = 0; i < 25; i++) {
      const patience = new AbortController()
      const putting = put(data, patience.signal).catch(() => undefined)
      // spread over what a store takes; one that was done by then is a case as well
      await sleep(i * 8)
      patience.abort()
      await putting
      if (i % 5 === 4) await devnet.client.status(officialEncode(data, 10).blobId as never)
    }
    assert.equal((await put(data)).status, 200)
    await expectPaidOnce(data)
  })

  it('pays once for what was interrupted again and again on the command line', async () => {
    const data = randomBytes(200_000)
    const path = await file(data)
    for (const signal of ['SIGKILL', 'SIGINT', 'SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      const child = spawn(process.execPath, [MAIN, 'store', path, ...network], { stdio: 'ignore' })
      const exit = once(child, 'exit')
      // as soon as the chain shows the registration, or at the end of a store that was faster
      const ended = new AbortController()
      void exit.then(() => ended.abort())
      while (!ended.signal.aborted && (await paid(data)).length === 0) await sleep(5)
      child.kill(signal)
      await exit
    }
    const last = await cli(['store', path, ...network])
    assert.equal(last.code, 0, last.stderr)
    await expectPaidOnce(data)
  })
})
