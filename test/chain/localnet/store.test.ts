import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { systemClock } from '../../../base/clock.ts'
import { fundsField, fundsId } from '../../../chain/localnet/ledger/funds.ts'
import { GENESIS_DIGEST } from '../../../chain/localnet/ledger/genesis.ts'
import { type MoveObject, SUI_COIN_TYPE, SUI_TYPE } from '../../../chain/localnet/ledger/object.ts'
import { type Batch, emptyBatch, type KeyValueStore } from '../../../chain/localnet/ledger/store/key-value.ts'
import { KEYS } from '../../../chain/localnet/ledger/store/keys.ts'
import { LiveObjects } from '../../../chain/localnet/ledger/store/live-objects.ts'
import { memoryStore } from '../../../chain/localnet/ledger/store/memory.ts'
import { Pruner } from '../../../chain/localnet/ledger/store/pruner.ts'
import { SortedList } from '../../../chain/localnet/ledger/store/sorted-list.ts'
import { BatchWriter } from '../../../chain/localnet/ledger/store/writer.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const batch = (...entries: [string, string?][]): Batch => {
  const made = emptyBatch()
  for (const [key, value] of entries)
    if (value === undefined) made.delete.add(key)
    else made.put.set(key, Buffer.from(value))
  return made
}

/** A store whose writes finish when the test says so. */
function slowStore() {
  const inner = memoryStore()
  const writes: { batch: Batch; finish: (error?: Error) => void }[] = []
  const store: KeyValueStore = {
    ...inner,
    async write(written) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      writes.push({ batch: written, finish: error => (error ? reject(error) : resolve()) })
      await promise
      await inner.write(written)
    },
  }
  return { store, writes }
}

const turn = () => new Promise(resolve => setImmediate(resolve))

describe('chain/localnet: store', () => {
  describe('BatchWriter', () => {
    it('writes what arrives meanwhile as one, in order, and shows it to readers at once', async () => {
      const { store, writes } = slowStore()
      const writer = new BatchWriter(store, { clock: systemClock })
      const done: string[] = []
      const first = writer.write(batch(['a', '1'])).then(() => done.push('first'))
      await turn()
      const second = writer.write(batch(['a', '2'], ['b', '1'])).then(() => done.push('second'))
      const third = writer.write(batch(['b'], ['c', '3'])).then(() => done.push('third'))
      await turn()
      assert.equal(writes.length, 1)
      assert.equal(String(await writer.get('a')), '2')
      assert.equal(await writer.get('b'), undefined)
      assert.deepEqual(done, [])
      writes[0]!.finish()
      await first
      await turn()
      assert.equal(writes.length, 2)
      assert.deepEqual([[...writes[1]!.batch.put.keys()], [...writes[1]!.batch.delete]], [['a', 'c'], ['b']])
      writes[1]!.finish()
      await Promise.all([second, third])
      assert.deepEqual(done, ['first', 'second', 'third'])
      assert.equal(String(await store.get('c')), '3')
    })

    it('does not take for durable what is being written when that fails', async () => {
      const { store, writes } = slowStore()
      const writer = new BatchWriter(store, { clock: systemClock })
      const written = assert.rejects(writer.write(batch(['a', '1'])), { code: 'RESOURCE_EXHAUSTED' })
      await turn()
      const flushed = assert.rejects(writer.flushed(), { code: 'RESOURCE_EXHAUSTED' })
      await turn()
      writes[0]!.finish(new Error('IO error: No space left on device'))
      await Promise.all([written, flushed])
      const closed = writer.close()
      await turn()
      writes[1]!.finish()
      await closed
    })

    it('tries again by itself what could not be written', async () => {
      const { store, writes } = slowStore()
      const clock = new VirtualClock()
      const writer = new BatchWriter(store, { clock })
      const failed = assert.rejects(writer.write(batch(['a', '1'])), { code: 'UNAVAILABLE' })
      await turn()
      writes[0]!.finish(new Error('IO error'))
      await failed
      await clock.advance(999)
      assert.equal(writes.length, 1)
      await clock.advance(1)
      assert.equal(writes.length, 2)
      writes[1]!.finish()
      await turn()
      assert.equal(writer.failure, undefined)
      assert.equal(String(await store.get('a')), '1')
      await writer.close()
    })

    it('keeps what could not be written to a full disk, and writes it when there is room', async () => {
      const { store, writes } = slowStore()
      const problems: (string | undefined)[] = []
      const writer = new BatchWriter(store, {
        clock: systemClock,
        onProblem: problem => problems.push(problem),
      })
      const full = { code: 'RESOURCE_EXHAUSTED', message: /the ledger's disk is full/ }
      const noSpace = () => new Error('IO error: 000003.log: No space left on device')
      const first = assert.rejects(writer.write(batch(['a', '1'], ['b', '1'])), full)
      await turn()
      const queued = assert.rejects(writer.write(batch(['b', '2'])), full)
      writes[0]!.finish(noSpace())
      await Promise.all([first, queued])
      // nothing new is promised meanwhile, but nothing is forgotten, and readers see it
      await assert.rejects(writer.write(batch(['c', '3'])), full)
      assert.deepEqual(await Promise.all(['a', 'b', 'c'].map(async key => String(await writer.get(key)))), [
        '1',
        '2',
        '3',
      ])
      const stillFull = assert.rejects(writer.ready(), full)
      await turn()
      writes[1]!.finish(noSpace())
      await stillFull
      assert.deepEqual(problems, ['DISK_FULL'])
      const ready = writer.ready()
      await turn()
      writes[2]!.finish()
      await ready
      assert.deepEqual([problems, writer.failure], [['DISK_FULL', undefined], undefined])
      assert.deepEqual(await Promise.all(['a', 'b', 'c'].map(async key => String(await store.get(key)))), [
        '1',
        '2',
        '3',
      ])
      const next = writer.write(batch(['d', '4']))
      await turn()
      writes[3]!.finish()
      await next
      await writer.flushed()
      await writer.close()
    })
  })

  it('SortedList pages through what a sorted set would hold', () => {
    const change = fc.tuple(fc.boolean(), fc.stringMatching(/^[abc]{1,3}$/))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.nat(5), (changes, size) => {
        const list = new SortedList()
        const set = new Set<string>()
        for (const [isAdded, key] of changes) {
          if (isAdded) list.add(key)
          else list.delete(key)
          if (isAdded) set.add(key)
          else set.delete(key)
        }
        assert.equal(list.size, set.size)
        for (const prefix of ['', 'a', 'ab']) {
          const expected = [...set].filter(key => key.startsWith(prefix)).sort()
          const seen: string[] = []
          for (let page = list.page(size + 1, { prefix }); page.length > 0; )
            page = list.page(size + 1, { prefix, after: seen[seen.push(...page) - 1] })
          assert.deepEqual(seen, expected)
        }
      }),
    )
  })

  describe('LiveObjects', () => {
    const id = (n: number) => `0x${n.toString(16).padStart(64, '0')}`
    const coin = (n: number, owner: string, balance: bigint): MoveObject => {
      const contents = new Uint8Array(40)
      new DataView(contents.buffer).setBigUint64(32, balance, true)
      return {
        kind: 'move',
        id: id(n),
        version: 1n,
        digest: '',
        owner: { kind: 'address', address: owner },
        previousTransaction: '',
        type: SUI_COIN_TYPE,
        hasPublicTransfer: true,
        contents,
      }
    }

    it('keeps balances and lists right through any changes', () => {
      const change = fc.record({
        id: fc.nat(8),
        owner: fc.constantFrom(id(100), id(101)),
        balance: fc.bigInt(0n, 50n),
        isDeleted: fc.boolean(),
        isFunds: fc.boolean(),
      })
      fc.assert(
        fc.property(fc.array(change, { maxLength: 50 }), changes => {
          const objects = new LiveObjects()
          const model = new Map<string, MoveObject>()
          const funds = new Map<string, bigint>()
          for (const { id: n, owner, balance, isDeleted, isFunds } of changes) {
            if (isFunds && isDeleted) {
              objects.delete(fundsId(owner, SUI_TYPE))
              funds.delete(owner)
            } else if (isFunds) {
              objects.put(fundsField({ owner, coinType: SUI_TYPE, amount: balance + 1n }, 1n, GENESIS_DIGEST))
              funds.set(owner, balance + 1n)
            } else if (isDeleted) {
              objects.delete(id(n))
              model.delete(id(n))
            } else {
              objects.put(coin(n, owner, balance))
              model.set(id(n), coin(n, owner, balance))
            }
          }
          for (const owner of [id(100), id(101)]) {
            const own = [...model.values()].filter(
              object => (object.owner as { address: string }).address === owner,
            )
            const total = own.reduce(
              (sum, { contents }) => sum + new DataView(contents.buffer).getBigUint64(32, true),
              0n,
            )
            assert.deepEqual(objects.balance(owner, SUI_TYPE), {
              total,
              coins: own.length,
              funds: funds.get(owner) ?? 0n,
            })
            assert.deepEqual(
              objects.ownedBy(owner, { limit: 100 }).items.map(object => object.id),
              own.map(object => object.id).sort(),
            )
            assert.equal(
              objects.balances(owner, { limit: 9 }).items.length,
              own.length > 0 || funds.has(owner) ? 1 : 0,
            )
          }
        }),
      )
    })
  })

  it('Pruner forgets old versions, and only those', async () => {
    const store = memoryStore()
    const writer = new BatchWriter(store, { clock: systemClock })
    const old = (n: bigint) => KEYS.oldObject(`0x${'1'.repeat(64)}`, n)
    for (let n = 1n; n <= 1000n; n++)
      await writer.write(batch([old(n), 'x'], [KEYS.outdatedBy(n), JSON.stringify([old(n)])]))
    await writer.write(batch([KEYS.transaction('t'), 'x']))
    const pruner = new Pruner(writer, { keptObjects: 100n })
    pruner.reached(100n)
    await pruner.idle()
    assert.ok(await store.get(old(1n)))
    pruner.reached(1000n)
    await pruner.idle()
    assert.equal(pruner.lowestObjects(1000n), 900n)
    assert.deepEqual(
      await Promise.all([1n, 899n, 900n, 1000n].map(async n => (await store.get(old(n))) !== undefined)),
      [false, false, true, true],
    )
    assert.equal(await store.get(KEYS.outdatedBy(899n)), undefined)
    assert.ok(await store.get(KEYS.transaction('t')))
  })
})
