import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Transaction } from '@mysten/sui/transactions'
import { fromBase64 } from '@mysten/sui/utils'
import { systemClock } from '../../../base/clock.ts'
import { loadBuild } from '../../../chain/compiled.ts'
import { createFaucet } from '../../../chain/localnet/faucet.ts'
import { repairLedger, startLocalnet } from '../../../chain/localnet/index.ts'
import { FAUCET_ADDRESS } from '../../../chain/localnet/ledger/genesis.ts'
import { openLedger } from '../../../chain/localnet/ledger/open.ts'
import { decodeObject } from '../../../chain/localnet/ledger/records.ts'
import { emptyBatch, type KeyValueStore } from '../../../chain/localnet/ledger/store/key-value.ts'
import { KEYS } from '../../../chain/localnet/ledger/store/keys.ts'
import { levelStore } from '../../../chain/localnet/ledger/store/level.ts'
import { memoryStore } from '../../../chain/localnet/ledger/store/memory.ts'
import { verifyLedger } from '../../../chain/localnet/ledger/verify.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const framework = loadBuild('framework').modules

describe('chain/localnet: its disk', function () {
  this.timeout(60_000)
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'floe-ledger-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  describe('when it is full', () => {
    /** Takes nothing while `isFull`. */
    const fillable = (inner: KeyValueStore) => {
      const store = {
        ...inner,
        isFull: false,
        async write(batch: Parameters<KeyValueStore['write']>[0]) {
          if (store.isFull)
            throw new Error('batch failed', { cause: new Error('IO error: No space left on device') })
          await inner.write(batch)
        },
      }
      return store
    }

    it('says so, executes nothing more, and goes on by itself when there is room', async () => {
      const store = fillable(memoryStore())
      const problems: (string | undefined)[] = []
      const ledger = await openLedger({
        clock: systemClock,
        store,
        framework,
        onProblem: problem => problems.push(problem),
      })
      try {
        const faucet = createFaucet(ledger)
        await faucet.give('0xa1')
        const { height } = ledger
        store.isFull = true
        const full = { code: 'RESOURCE_EXHAUSTED', message: /the ledger's disk is full; make room/ }
        // those that were under way, and those that come later
        await Promise.all([
          assert.rejects(faucet.give('0xa2'), full),
          assert.rejects(faucet.give('0xa3'), full),
        ])
        await assert.rejects(faucet.give('0xa4'), full)
        assert.deepEqual([problems, ledger.height], [['DISK_FULL'], height])
        const balance = (owner: string) =>
          ledger.objects.balance(
            `0x${owner.slice(2).padStart(64, '0')}`,
            `0x${'2'.padStart(64, '0')}::sui::SUI`,
          ).total
        assert.equal(balance('0xa4'), 0n)

        const abort = new AbortController()
        const followed = ledger.waitForCheckpoint(height + 1n, abort.signal)
        store.isFull = false
        await followed
        assert.deepEqual(problems, ['DISK_FULL', undefined])
        await faucet.give('0xa4')
        // what was executed before it was told of the disk is there as a whole
        const report = await verifyLedger(store, 'the store')
        assert.equal(report.height, ledger.height)
      } finally {
        store.isFull = false
        await ledger.close()
      }
    })

    it('promises nothing for a transaction that is sent again before it is on disk', async () => {
      const store = fillable(memoryStore())
      const ledger = await openLedger({ clock: systemClock, store, framework })
      try {
        const keypair = new Ed25519Keypair()
        const gift = await createFaucet(ledger).give(keypair.toSuiAddress())
        const { id: objectId, version, digest } = ledger.objects.get(gift.coins[0]!.id)!
        const tx = new Transaction()
        tx.transferObjects([tx.splitCoins(tx.gas, [1])], '0xa5')
        tx.setSender(keypair.toSuiAddress())
        tx.setGasPayment([{ objectId, version: version.toString(), digest }])
        tx.setGasPrice(1000)
        tx.setGasBudget(10_000_000)
        const bytes = await tx.build()
        const { signature } = await keypair.signTransaction(bytes)
        const send = () => ledger.execute(bytes, [fromBase64(signature)])
        store.isFull = true
        await assert.rejects(send(), { code: 'RESOURCE_EXHAUSTED' })
        await assert.rejects(send(), { code: 'RESOURCE_EXHAUSTED' })
        store.isFull = false
        const record = await send()
        assert.equal(record.checkpoint, 2n)
        assert.equal((await send()).checkpoint, 2n)
        assert.equal((await verifyLedger(store, 'the store')).transactions, 2)
      } finally {
        store.isFull = false
        await ledger.close()
      }
    })

    it('Level begins a new log after a write that failed, once there is room for it', async () => {
      const store = await levelStore(join(dir, 'ledger'))
      const put = (key: string | null) => {
        const batch = emptyBatch()
        batch.put.set(key as string, Uint8Array.of(1))
        return store.write(batch)
      }
      const logs = async () => (await readdir(join(dir, 'ledger'))).filter(name => name.endsWith('.log'))
      try {
        await put('a')
        const before = await logs()
        await assert.rejects(put(null))
        // no room: nothing is written, everything can still be read
        await mkdir(join(dir, 'ledger', 'room'))
        await assert.rejects(put('b'))
        assert.deepEqual([...(await store.get('a'))!], [1])
        await rm(join(dir, 'ledger', 'room'), { recursive: true })
        await put('b')
        assert.notDeepEqual(await logs(), before)
        for (const key of ['a', 'b']) assert.deepEqual([...(await store.get(key))!], [1])
      } finally {
        await store.close()
      }
    })
  })

  describe('when it lost something', () => {
    /** A chain of some transactions, closed; how many. */
    const makeChain = async () => {
      // no time passes after the last transaction: it is what was written last
      const localnet = await startLocalnet({ dir, clock: new VirtualClock(Date.now()) })
      for (let i = 0; i < 6; i++) await localnet.faucet(`0xb${i}`)
      await localnet.close()
      return { chainId: localnet.chainId, height: 6n }
    }
    const folder = () => join(dir, 'ledger')
    const filesOf = async (pattern: RegExp) => (await readdir(folder())).filter(name => pattern.test(name))
    const damaged = { code: 'LEDGER_DAMAGED' }

    it('opens at the last whole state, wherever its log is cut', async () => {
      const { height } = await makeChain()
      const [log] = await filesOf(/\.log$/)
      const { size } = await stat(join(folder(), log!))
      const seen = new Set<bigint>()
      for (const cut of [1, 39, 500, 3_000, 10_000, 20_000].filter(bytes => bytes < size / 2)) {
        const copy = join(dir, `cut-${cut}`)
        await cp(folder(), copy, { recursive: true })
        await truncate(join(copy, log!), size - cut)
        const store = await levelStore(copy)
        try {
          const report = await verifyLedger(store, copy)
          assert.ok(report.height < height)
          seen.add(report.height)
        } finally {
          await store.close()
        }
      }
      assert.ok(seen.size > 1)
      await truncate(join(folder(), log!), size - 39)
      const localnet = await startLocalnet({ dir })
      try {
        await localnet.faucet('0xbb')
      } finally {
        await localnet.close()
      }
    })

    it('says what to do when CURRENT or MANIFEST is lost, and is repaired on request', async () => {
      const { chainId, height } = await makeChain()
      const [manifest] = await filesOf(/^MANIFEST/)
      for (const harm of [
        () => rm(join(folder(), 'CURRENT')),
        () => writeFile(join(folder(), 'CURRENT'), 'MANIFEST-999999\n'),
        async () => rm(join(folder(), (await filesOf(/^MANIFEST/))[0] ?? manifest!)),
      ]) {
        await harm()
        await assert.rejects(startLocalnet({ dir }), {
          ...damaged,
          message: /damaged: .*Restore .* repaired/,
        })
        const report = await repairLedger(dir)
        assert.deepEqual([report.height, report.transactions, report.removed], [height, 6, 0])
        const localnet = await startLocalnet({ dir })
        assert.equal(localnet.chainId, chainId)
        await localnet.close()
      }
      // what is whole is only looked at
      assert.equal((await repairLedger(dir)).height, height)
    })

    it('is not taken for repaired when it is no whole chain', async () => {
      await makeChain()
      const change = async (
        edit: (store: KeyValueStore, batch: ReturnType<typeof emptyBatch>) => Promise<void>,
      ) => {
        const store = await levelStore(folder())
        const batch = emptyBatch()
        await edit(store, batch)
        await store.write(batch)
        await store.close()
      }
      const keysOf = async (store: KeyValueStore, prefix: string) => {
        const keys: string[] = []
        for await (const [key] of store.entries(prefix)) keys.push(key)
        return keys
      }
      let kept: [string, Uint8Array] | undefined
      await change(async (store, batch) => {
        const [key] = await keysOf(store, 'transaction/')
        kept = [key!, (await store.get(key!))!]
        batch.delete.add(key!)
      })
      await assert.rejects(repairLedger(dir), { ...damaged, message: /transaction\/.* is missing/ })
      await change(async (_, batch) => {
        batch.put.set(...kept!)
      })
      assert.equal((await repairLedger(dir)).removed, 0)
      // an old version of an object in place of the new one
      await change(async (store, batch) => {
        const keys = await keysOf(store, KEYS.live)
        const values = await Promise.all(keys.map(async name => (await store.get(name))!))
        const at = keys.findIndex((name, i) => {
          const { owner } = decodeObject(name.slice(KEYS.live.length), values[i]!)
          return owner.kind === 'address' && owner.address !== FAUCET_ADDRESS
        })
        const [key, value] = [keys[at]!, Uint8Array.from(values[at]!)]
        kept = [key, value]
        batch.put.set(key, value.with(value.length - 1, 1))
      })
      await assert.rejects(repairLedger(dir), {
        ...damaged,
        message: /is another than its last transaction wrote/,
      })
      await change(async (_, batch) => {
        batch.put.set(...kept!)
      })
      await assert.rejects(repairLedger(join(dir, 'nothing')), damaged)
    })

    it('loses again what came back though it was deleted', async () => {
      const store = memoryStore()
      const ledger = await openLedger({ clock: systemClock, store, framework })
      const keypair = new Ed25519Keypair()
      const { coins } = await createFaucet(ledger).give(keypair.toSuiAddress())
      const refs = coins.map(({ id }) => ledger.objects.get(id)!)
      const tx = new Transaction()
      tx.setSender(keypair.toSuiAddress())
      tx.setGasPayment(
        refs.map(({ id: objectId, version, digest }) => ({ objectId, version: version.toString(), digest })),
      )
      tx.setGasPrice(1000)
      tx.setGasBudget(10_000_000)
      const bytes = await tx.build()
      const merged = KEYS.object(refs[1]!.id)
      const before = (await store.get(merged))!
      await ledger.execute(bytes, [fromBase64((await keypair.signTransaction(bytes)).signature)])
      const objects = (await verifyLedger(store, 'the store')).objects
      const batch = emptyBatch()
      batch.put.set(merged, before)
      await store.write(batch)
      assert.deepEqual(await verifyLedger(store, 'the store'), {
        height: 2n,
        transactions: 2,
        objects,
        removed: 1,
      })
      assert.equal(await store.get(merged), undefined)
      await ledger.close()
    })

    it('is not repaired while it is open', async () => {
      const localnet = await startLocalnet({ dir })
      try {
        await assert.rejects(repairLedger(dir), { code: 'STORE_LOCKED' })
      } finally {
        await localnet.close()
      }
    })
  })
})
