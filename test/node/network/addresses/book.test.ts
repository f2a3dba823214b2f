import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { silentLog } from '../../../../base/log.ts'
import { createAddressBook, restoreAddressBook } from '../../../../node/network/addresses/book.ts'
import { openAddressFiles } from '../../../../node/network/addresses/storage.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'
import { NOW, PUBLIC, type Signer, signer } from './support.ts'

const OTHER = '/ip4/192.0.2.2/tcp/4001'
const HOUR_MS = 3_600_000

describe('the book of addresses', () => {
  let signers: Signer[]
  let clock: VirtualClock
  before(async () => {
    signers = await Promise.all(Array.from({ length: 6 }, (_, i) => signer(i)))
  })
  beforeEach(() => {
    clock = new VirtualClock(NOW)
  })
  const init = (members: readonly number[] = []) => ({
    isMember: (peer: string) => members.some(i => signers[i]!.peerId === peer),
    isPrivate: false,
    clock,
  })

  it('keeps the newest record of a peer, whoever brings it', async () => {
    const book = createAddressBook(init())
    const [one] = signers as [Signer]
    const told: number[] = []
    const stop = book.onLearned(({ sequence }) => told.push(sequence))
    assert.equal(await book.learn(await one.says(NOW)), 'new')
    assert.equal(await book.learn(await one.says(NOW)), 'old')
    assert.equal(await book.learn(await one.says(NOW - 1, [OTHER])), 'old')
    assert.deepEqual(book.addresses(one.peerId), [PUBLIC])
    assert.equal(await book.learn(await one.says(NOW + 1, [OTHER])), 'new')
    assert.deepEqual(book.addresses(one.peerId), [OTHER])
    assert.deepEqual(told, [NOW, NOW + 1])
    stop()
    await book.learn(await one.says(NOW + 2))
    assert.equal(told.length, 2)
  })

  it('gives up what it has taken while the own clock was far ahead', async () => {
    const [one] = signers as [Signer]
    clock = new VirtualClock(NOW + 400 * 24 * HOUR_MS)
    const now = { now: () => clock.now() }
    const book = createAddressBook({ ...init(), clock: now })
    assert.equal(await book.learn(await one.says(clock.now())), 'new')
    clock = new VirtualClock(NOW)
    assert.equal(await book.learn(await one.says(NOW, [OTHER])), 'new')
    assert.deepEqual(book.addresses(one.peerId), [OTHER])
  })

  it('never goes back, in whatever order records come, some of them forged', async () => {
    const event = fc.record({ who: fc.nat(2), sequence: fc.nat(20), isForged: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 12 }), async events => {
        const book = createAddressBook(init())
        const newest = new Map<number, number>()
        await Promise.all(
          events.map(async ({ who, sequence, isForged }) => {
            const record = await signers[who]!.says(NOW + sequence)
            if (isForged) record[record.length - 1]! ^= 1
            else newest.set(who, Math.max(sequence, newest.get(who) ?? 0))
            await book.learn(record)
          }),
        )
        for (const [i, { peerId }] of signers.entries()) {
          const expected = newest.has(i) ? NOW + newest.get(i)! : undefined
          assert.equal(book.get(peerId)?.sequence, expected)
        }
      }),
      { numRuns: 30 },
    )
  })

  it('says why it refuses', async () => {
    const book = createAddressBook(init())
    const [one, two] = signers as [Signer, Signer]
    const forged = await one.says()
    forged[forged.length - 1]! ^= 1
    assert.deepEqual(await book.learn(forged), { refused: 'signature' })
    assert.deepEqual(await book.learn(await one.says(), new Set([two.peerId])), { refused: 'unasked' })
    assert.deepEqual(await book.learn(await one.says(NOW, ['/ip4/10.0.0.1/tcp/1'])), { refused: 'address' })
    assert.equal(book.size, 0)
  })

  it('holds a record for two days', async () => {
    const book = createAddressBook(init())
    const [one] = signers as [Signer]
    await book.learn(await one.says())
    await clock.advance(48 * HOUR_MS - 1)
    assert.equal(book.records([one.peerId]).length, 1)
    await clock.advance(1)
    assert.deepEqual(book.records([one.peerId]), [])
    assert.equal(book.size, 0)
  })

  it('forgets strangers when it is full, and no members', async () => {
    const book = createAddressBook({ ...init([0, 3]), limit: 3 })
    const learn = async (i: number) => await book.learn(await signers[i]!.says())
    const known = () => signers.map(({ peerId }) => (book.get(peerId) === undefined ? '-' : 'x')).join('')
    for (const i of [0, 1, 2]) await learn(i)
    assert.equal(await learn(3), 'new')
    assert.equal(known(), 'x-xx--')
    assert.equal(await learn(4), 'new')
    assert.equal(known(), 'x--xx-')
    const members = createAddressBook({ ...init([0, 1, 3]), limit: 2 })
    for (const i of [0, 1]) await members.learn(await signers[i]!.says())
    assert.deepEqual(await members.learn(await signers[2]!.says()), { refused: 'full' })
    assert.equal(await members.learn(await signers[3]!.says()), 'new')
    assert.equal(members.size, 3)
  })

  describe('on disk', () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>
    beforeEach(async () => {
      folder = await temporaryFolder()
    })
    afterEach(() => folder.remove())

    it('is there after a restart, but for what holds no longer', async () => {
      const [one, two, three] = signers as [Signer, Signer, Signer]
      const log = silentLog()
      const files = await openAddressFiles(folder.path, log)
      const book = await restoreAddressBook({ ...init(), storage: files, log })
      await book.learn(await one.says(NOW + HOUR_MS))
      await book.learn(await two.says(NOW))
      await book.learn(await three.says(NOW))
      await book.learn(await three.says(NOW + 1, [OTHER]))
      assert.equal(await files.sequence(), 0)
      await files.setSequence(NOW + 7)
      await files.close()
      await clock.advance(48 * HOUR_MS)
      const again = await openAddressFiles(folder.path, log)
      assert.equal(await again.sequence(), NOW + 7)
      const restored = await restoreAddressBook({ ...init(), storage: again, log })
      assert.deepEqual(restored.addresses(one.peerId), [PUBLIC])
      assert.deepEqual(restored.addresses(three.peerId), [OTHER])
      assert.equal(restored.size, 2)
      await again.close()
      // what is refused for good leaves the disk as well
      const last = await openAddressFiles(folder.path, log)
      const kept = await Array.fromAsync(last.load(), ([peerId]) => peerId)
      assert.deepEqual(kept.sort(), [one.peerId, three.peerId].sort())
      await last.close()
    })

    it('is begun anew when it is damaged, and is opened once', async () => {
      const log = silentLog()
      const files = await openAddressFiles(folder.path, log)
      await assert.rejects(openAddressFiles(folder.path, log), { code: 'LEVEL_LOCKED' })
      await files.setSequence(5)
      await files.close()
      await rm(join(folder.path, 'CURRENT'))
      const again = await openAddressFiles(folder.path, log)
      assert.equal(await again.sequence(), 0)
      await again.close()
    })
  })
})
