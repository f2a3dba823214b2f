import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, chmod, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SuiGrpcClient } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { Clock, decodeMove } from '../../../chain/bindings/move.ts'
import { startLocalnet } from '../../../chain/localnet/index.ts'
import { emptyBatch } from '../../../chain/localnet/ledger/store/key-value.ts'
import { levelStore } from '../../../chain/localnet/ledger/store/level.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { TestChain } from './support/chain.ts'

describe('chain/localnet: a chain on disk', function () {
  this.timeout(60_000)
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'floe-localnet-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('continues after a restart: identity, objects, packages, history, clock, faucet', async () => {
    const first = await TestChain.start({ dir })
    const thing = await first.thing(3)
    await first.localnet.advanceClock(86_400_000)
    await first.localnet.setFaucetCoin('0x2::sui::SUI', 5n)
    const read = async (chain: TestChain) => {
      const { client } = chain
      const events = await client.core.listEvents({ filter: { sender: first.address } })
      const { response } = await client.ledgerService.getCheckpoint({
        checkpointId: { oneofKind: 'sequenceNumber', sequenceNumber: 3n },
        readMask: { paths: ['*'] },
      })
      const { objects } = await client.listOwnedObjects({ owner: first.address, include: { content: true } })
      const { dynamicFields } = await client.listDynamicFields({ parentId: thing })
      return {
        id: chain.localnet.chainId,
        height: (await client.ledgerService.getServiceInfo({})).response.checkpointHeight,
        events: events.events,
        checkpoint: response.checkpoint,
        objects,
        dynamicFields,
        balances: await client.listBalances({ owner: first.address }),
      }
    }
    const before = await read(first)
    assert.ok(before.events.length > 0)
    await first.close()

    const second = await TestChain.start({ dir, sample: false, keypair: first.keypair })
    try {
      assert.deepEqual(await read(second), before)
      second.packageId = first.packageId
      const tx = new Transaction()
      tx.moveCall({ target: second.target('set'), arguments: [tx.object(thing), tx.pure.u64(4)] })
      const executed = await second.ok(tx)
      const { response } = await second.client.ledgerService.getTransaction({
        digest: executed.digest,
        readMask: { paths: ['timestamp'] },
      })
      assert.ok(Number(response.transaction!.timestamp!.seconds) * 1000 > Date.now() + 80_000_000)
    } finally {
      await second.close()
    }
  })

  it('answers a transaction of before the restart as it did then', async () => {
    const first = await TestChain.start({ dir })
    const tx = new Transaction()
    tx.transferObjects([tx.splitCoins(tx.gas, [1])], '0x5')
    const bytes = await first.build(tx)
    const executed = await first.submit(bytes)
    await first.close()
    const second = await TestChain.start({ dir, sample: false, keypair: first.keypair })
    try {
      const again = await second.submit(bytes)
      assert.deepEqual(again.effects, executed.effects)
      assert.equal((await second.client.getBalance({ owner: '0x5' })).balance.balance, '1')
    } finally {
      await second.close()
    }
  })

  it('loses nothing that was answered when it is killed, also with a torn tail', async () => {
    const answered = await killAfter(dir, 15)
    assert.ok(answered.length >= 15)
    await check(answered)
    await appendFile(await logFile(), Buffer.alloc(100, 7))
    await check(answered)
    const { size } = await stat(await logFile())
    if (size > 8) await truncate(await logFile(), size - 5)
    // the cut may take what came last, but never a part of a transaction
    const localnet = await startLocalnet({ dir })
    try {
      const client = new SuiGrpcClient({ network: 'testnet', baseUrl: localnet.url })
      const { checkpointHeight: height } = (await client.ledgerService.getServiceInfo({})).response
      const { response } = await client.ledgerService.getCheckpoint({
        checkpointId: { oneofKind: 'sequenceNumber', sequenceNumber: height! },
        readMask: { paths: ['transactions.digest', 'transactions.effects'] },
      })
      for (const { effects } of response.checkpoint!.transactions)
        for (const change of effects!.changedObjects) {
          if (change.outputState !== 2) continue
          const { object } = await client.getObject({ objectId: change.objectId! })
          assert.equal(object.digest, change.outputDigest)
        }
      await localnet.faucet('0x9')
    } finally {
      await localnet.close()
    }
  })

  it('goes on with its time where it was when it was killed', async () => {
    const [digest] = await killAfter(dir, 1)
    const localnet = await startLocalnet({ dir, clock: new VirtualClock(Date.now() + 7 * 86_400_000) })
    try {
      const client = new SuiGrpcClient({ network: 'testnet', baseUrl: localnet.url })
      const { response } = await client.ledgerService.getTransaction({
        digest: digest!,
        readMask: { paths: ['timestamp'] },
      })
      const executedMs = Number(response.transaction!.timestamp!.seconds) * 1000
      const { object } = await client.getObject({ objectId: '0x6', include: { content: true } })
      const nowMs = Number(decodeMove(Clock, object.content).timestamp_ms)
      assert.ok(nowMs >= executedMs && nowMs <= Date.now(), `${nowMs}`)
    } finally {
      await localnet.close()
    }
  })

  it('writes its time down while nothing happens', async () => {
    const clock = new VirtualClock(Date.now())
    const localnet = await startLocalnet({ clock })
    try {
      const client = new SuiGrpcClient({ network: 'testnet', baseUrl: localnet.url })
      const version = async () => BigInt((await client.getObject({ objectId: '0x6' })).object.version)
      const before = await version()
      await clock.advance(600_000)
      // one every 10 s, and one for the reading
      assert.ok((await version()) - before >= 60n)
    } finally {
      await localnet.close()
    }
  })

  const check = async (answered: string[]) => {
    const localnet = await startLocalnet({ dir })
    try {
      const client = new SuiGrpcClient({ network: 'testnet', baseUrl: localnet.url })
      for (const digest of answered)
        assert.equal((await client.getTransaction({ digest })).$kind, 'Transaction')
    } finally {
      await localnet.close()
    }
  }

  /** The database's log of what is not in its tables yet. */
  const logFile = async () => {
    const folder = join(dir, 'ledger')
    const logs = (await readdir(folder)).filter(name => name.endsWith('.log')).sort()
    return join(folder, logs.at(-1)!)
  }

  it('refuses a store that is newer, foreign or open elsewhere', async () => {
    const put = async (folder: string, key: string, value: unknown) => {
      const store = await levelStore(join(folder, 'ledger'))
      const batch = emptyBatch()
      batch.put.set(key, Buffer.from(JSON.stringify(value)))
      await store.write(batch)
      await store.close()
    }
    await put(join(dir, 'newer'), 'identity', { kind: 'floe-localnet', schemaVersion: 2 })
    await assert.rejects(startLocalnet({ dir: join(dir, 'newer') }), { code: 'STORE_NEWER' })
    await put(join(dir, 'foreign'), 'identity', { kind: 'something else' })
    await assert.rejects(startLocalnet({ dir: join(dir, 'foreign') }), { code: 'STORE_FOREIGN' })
    await put(join(dir, 'other'), 'a key', 1)
    await assert.rejects(startLocalnet({ dir: join(dir, 'other') }), { code: 'STORE_FOREIGN' })
    await put(join(dir, 'damaged'), 'identity', { kind: 'floe-localnet', schemaVersion: 1 })
    await assert.rejects(startLocalnet({ dir: join(dir, 'damaged') }), { code: 'LEDGER_DAMAGED' })
    await writeFile(join(dir, 'file'), 'x')
    await assert.rejects(startLocalnet({ dir: join(dir, 'file') }))
    const localnet = await startLocalnet({ dir: join(dir, 'open') })
    try {
      await assert.rejects(startLocalnet({ dir: join(dir, 'open') }), { code: 'STORE_LOCKED' })
    } finally {
      await localnet.close()
    }
  })

  it("keeps the admin's token in a file of its own, for its owner only, and the same one", async () => {
    const first = await startLocalnet({ dir })
    await first.close()
    const path = join(dir, 'admin-token')
    assert.equal(first.adminTokenPath, path)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    await chmod(path, 0o644)
    const second = await startLocalnet({ dir })
    await second.close()
    assert.equal(second.adminToken, first.adminToken)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    // one that was cut off is no token
    await writeFile(path, 'abc')
    const third = await startLocalnet({ dir })
    await third.close()
    assert.match(third.adminToken, /^[0-9a-f]{64}$/)
    assert.notEqual(third.adminToken, first.adminToken)
  })

  it('says which port is taken, and leaves the store to others', async () => {
    const localnet = await startLocalnet({})
    try {
      const port = Number(new URL(localnet.url).port)
      await assert.rejects(startLocalnet({ dir, port }), { code: 'EADDRINUSE', port })
      await (await startLocalnet({ dir })).close()
    } finally {
      await localnet.close()
    }
  })
})

/** Runs a localnet in a process of its own, has it execute, and kills it; answers the digests it has told. */
async function killAfter(dir: string, transactions: number): Promise<string[]> {
  const script = fileURLToPath(new URL('support/busy-localnet.ts', import.meta.url))
  const child = spawn(process.execPath, [script, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const digests: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    digests.push(line)
    if (digests.length === transactions) child.kill('SIGKILL')
  }
  await exited
  return digests
}
