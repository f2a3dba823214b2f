import assert from 'node:assert/strict'
import { chmod, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Log, silentLog } from '../../../base/log.ts'
import { thisMachine } from '../../../base/processes.ts'
import { createRecords } from '../../../base/records.ts'
import { generateWalletKey, keypairWallet } from '../../../chain/index.ts'
import type { BlobObject, Payment } from '../../../chain/types/index.ts'
import { parseObjectId } from '../../../codec/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { SubWallets, type SubWalletsInit } from '../../../node/gateway/sub-wallets.ts'
import { createMetrics } from '../../../node/metrics.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const COIN = 1_000_000_000n

describe('sub-wallets of a publisher', () => {
  const main = keypairWallet(generateWalletKey())
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let balances: Map<ObjectId, { sui: bigint; wal: bigint }>
  let warned: string[]
  let handed: { from: ObjectId; coins: boolean }[]
  let left: ObjectId | undefined
  const clock = new VirtualClock()
  const metrics = createMetrics({ version: 'test' })
  const log: Log = { ...silentLog(), warn: (_: object, message: string) => void warned.push(message) }

  const of = (address: ObjectId) => balances.get(address) ?? { sui: 0n, wal: 0n }
  const move = (from: ObjectId, { to, mist, frost }: Payment): void => {
    balances.set(from, { sui: of(from).sui - mist, wal: of(from).wal - frost })
    balances.set(to, { sui: of(to).sui + mist, wal: of(to).wal + frost })
  }
  const chain: SubWalletsInit['chain'] = {
    balances: async address => of(address),
    ownedBlobs: async owner => (owner === left ? [{} as BlobObject] : []),
    cashier: wallet => ({
      wallet,
      async pay(payments) {
        for (const payment of payments) move(wallet.address, payment)
        return { digest: '' }
      },
      async handOver(to, { coins }) {
        handed.push({ from: wallet.address, coins })
        const { sui: mist, wal: frost } = of(wallet.address)
        if (coins) move(wallet.address, { to, mist, frost })
        return { digest: '' }
      },
    }),
  }
  const open = (count: number) =>
    SubWallets.open({ folder: folder.path, count, wallet: main, chain, metrics, log, clock })
  const addresses = (pool: SubWallets) => pool.wallets.map(({ address }) => address)
  /** A look that is over. */
  const looked = (pool: SubWallets) => pool.onShort(parseObjectId('0x1'))

  beforeEach(async () => {
    folder = await temporaryFolder()
    balances = new Map([[main.address, { sui: 100n * COIN, wal: 100n * COIN }]])
    warned = []
    handed = []
    left = undefined
  })
  afterEach(() => folder.remove())

  it('are filled by the main one, and again when less than half is left', async () => {
    await using pool = await open(3)
    assert.deepEqual(addresses(pool).map(pool.isFunded, pool), [false, false, false])
    await pool.start()
    await looked(pool)
    assert.deepEqual(addresses(pool).map(of), Array(3).fill({ sui: COIN / 2n, wal: COIN / 2n }))
    assert.ok(addresses(pool).every(address => pool.isFunded(address)))
    assert.deepEqual(pool.held, { sui: (3n * COIN) / 2n, wal: (3n * COIN) / 2n })
    const [first, second] = addresses(pool) as [ObjectId, ObjectId]
    balances.set(first, { sui: COIN / 4n - 1n, wal: COIN / 4n })
    balances.set(second, { sui: COIN / 4n, wal: 0n })
    await clock.advance(60_000)
    await looked(pool)
    assert.deepEqual(of(first), { sui: COIN / 2n, wal: COIN / 4n })
    assert.deepEqual(of(second), { sui: COIN / 4n, wal: COIN / 2n })
    assert.match(await metrics.text(), /floe_wallet_balance\{wallet="sub-01",coin="WAL"\} 0\.5/)
  })

  it('of a main one that has little get half of it at most, and none when that is of no use; that is told once', async () => {
    balances.set(main.address, { sui: COIN, wal: COIN / 10n })
    await using pool = await open(2)
    await pool.start()
    await looked(pool)
    assert.deepEqual(addresses(pool).map(of), Array(2).fill({ sui: COIN / 4n, wal: COIN / 40n }))
    assert.deepEqual(of(main.address), { sui: COIN / 2n, wal: COIN / 20n })
    assert.deepEqual(warned, [])
    // each would get less than the gas of an upload
    balances = new Map([[main.address, { sui: COIN / 20n, wal: COIN }]])
    await looked(pool)
    await looked(pool)
    assert.deepEqual(
      addresses(pool).map(address => of(address).sui),
      [0n, 0n],
    )
    assert.ok(!addresses(pool).some(address => pool.isFunded(address)))
    assert.deepEqual(warned, ['the main wallet has too little to fill its sub-wallets'])
  })

  it('are given what an upload needs that is under way, of all that the main one has', async () => {
    await using pool = await open(2)
    await pool.start()
    await looked(pool)
    const [first, second] = addresses(pool) as [ObjectId, ObjectId]
    await pool.onShort(first, { frost: 90n * COIN })
    assert.equal(of(first).wal, 90n * COIN)
    assert.ok(pool.isFunded(first))
    // that is not to be had
    await pool.onShort(second, { frost: 80n * COIN })
    assert.equal(of(second).wal, COIN / 2n)
    assert.ok(!pool.isFunded(second))
    await looked(pool)
    assert.ok(pool.isFunded(second))
    const patience = AbortSignal.abort(new Error('enough'))
    await assert.rejects(pool.onShort(first, { signal: patience }), /enough/)
  })

  it('do not keep a start that is not wanted any more', async () => {
    const ended = new AbortController()
    const asking = Promise.withResolvers<void>()
    const balances: typeof chain.balances = (_, { signal } = {}) => {
      asking.resolve()
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    }
    const init = { folder: folder.path, count: 1, wallet: main, chain: { ...chain, balances }, clock }
    await using pool = await SubWallets.open(init)
    const starting = pool.start(ended.signal)
    await asking.promise
    ended.abort(new Error('enough'))
    await starting
  })

  it('keep their keys, which nobody else may read, from one run to the next', async () => {
    let before: ObjectId[]
    {
      await using pool = await open(2)
      before = addresses(pool)
    }
    const keys = join(folder.path, main.address)
    const names = (await readdir(keys)).filter(name => name.endsWith('.key'))
    assert.deepEqual(names.sort(), ['00.key', '01.key'])
    for (const name of names) assert.equal((await stat(join(keys, name))).mode & 0o777, 0o600)
    await using pool = await open(2)
    assert.deepEqual(addresses(pool), before)
    await pool[Symbol.asyncDispose]()
    await chmod(join(keys, '00.key'), 0o644)
    await assert.rejects(open(2), { code: 'KEY_EXPOSED' })
    await chmod(join(keys, '00.key'), 0o600)
    await writeFile(join(keys, '00.key'), 'no key')
    await assert.rejects(open(2), { code: 'KEY_MALFORMED' })
  })

  it('are those of one process at a time', async () => {
    await using mine = await open(1)
    await mine.start()
    assert.ok(mine.isHeld)
    await mine[Symbol.asyncDispose]()
    // as a process that lives has it: the one that runs these tests
    const records = createRecords({ folder: join(folder.path, main.address, 'claims'), limit: 2, clock })
    await records.add('claim sub-wallets', `${thisMachine()}-${process.ppid}-0`, clock.now() + 30_000)
    await using none = await open(2)
    await none.start()
    await looked(none)
    assert.ok(!none.isHeld)
    assert.equal(warned.length, 1)
    left = addresses(none)[0]
    // the other one is gone
    await clock.advance(60_000)
    await looked(none)
    assert.ok(none.isHeld)
    assert.deepEqual(handed, [{ from: left, coins: false }])
    assert.ok(addresses(none).every(address => none.isFunded(address)))
  })

  it('give back what an upload that was cut short left with them, and all that they have when they are not wanted any more', async () => {
    let before: ObjectId[]
    {
      await using pool = await open(3)
      await pool.start()
      await looked(pool)
      before = addresses(pool)
    }
    assert.deepEqual(handed, [])
    left = before[0]
    {
      await using pool = await open(2)
      await pool.start()
      assert.deepEqual(handed, [
        { from: before[0], coins: false },
        { from: before[2], coins: true },
      ])
    }
    assert.deepEqual(of(before[2]!), { sui: 0n, wal: 0n })
    await using none = await open(0)
    await none.start()
    assert.deepEqual(none.wallets, [])
    assert.deepEqual(of(main.address), { sui: 100n * COIN, wal: 100n * COIN })
  })
})
