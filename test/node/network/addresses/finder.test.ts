import assert from 'node:assert/strict'
import { silentLog } from '../../../../base/log.ts'
import { type AddressBook, createAddressBook } from '../../../../node/network/addresses/book.ts'
import { type AddressFinder, createAddressFinder } from '../../../../node/network/addresses/finder.ts'
import type { PeerAddress } from '../../../../protocols/index.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'
import { NOW, PUBLIC, type Signer, signer } from './support.ts'

describe('a finder of addresses', () => {
  let clock: VirtualClock
  let book: AddressBook
  let finder: AddressFinder
  let [one, two, three, four]: Signer[] = []
  /** who was asked for what, at which time */
  let asked: string[]
  let whom: string[]
  let relays: PeerAddress[]
  let reached: () => string[]
  let answer: (peer: string, ids: readonly string[], signal?: AbortSignal) => Promise<Uint8Array[]>
  const nameOf = (peerId: string) => String([one, two, three, four].findIndex(s => s?.peerId === peerId) + 1)

  beforeEach(async () => {
    ;[one, two, three, four] = await Promise.all([1, 2, 3, 4].map(signer))
    clock = new VirtualClock(NOW)
    asked = []
    whom = []
    relays = []
    reached = () => [one!.peerId, two!.peerId]
    book = createAddressBook({ isMember: () => true, isPrivate: false, clock })
    finder = createAddressFinder({
      book,
      peers: {
        async peers({ peerId }, ids, options) {
          whom.push(peerId)
          asked.push(`${nameOf(peerId)} for ${ids.map(nameOf)} at ${clock.monotonic()}`)
          return await answer(peerId, ids, options?.signal)
        },
      },
      reached: () => reached(),
      members: () => [one!.peerId, three!.peerId],
      relays,
      clock,
      random: () => 0.5,
      log: silentLog(),
    })
  })

  it('asks one peer for all that are missing, once for all who want to know', async () => {
    const records = [await three!.says(), await four!.says(NOW, ['/ip4/192.0.2.4/tcp/4'])]
    answer = async () => records
    const found = await Promise.all([
      finder.find(four!.peerId),
      finder.find(four!.peerId),
      finder.find(three!.peerId),
    ])
    assert.deepEqual(found, [['/ip4/192.0.2.4/tcp/4'], ['/ip4/192.0.2.4/tcp/4'], [PUBLIC]])
    assert.deepEqual(asked, ['1 for 4,1,3 at 0'])
    await finder.find(four!.peerId)
    assert.equal(asked.length, 1)
  })

  it('asks another when one stands still, and does not wait for ever', async () => {
    const record = await four!.says()
    answer = (peer, _, signal) =>
      peer === two!.peerId ? Promise.resolve([record]) : clock.sleep(1e9, signal).then(() => [])
    const found = finder.find(four!.peerId)
    await clock.advance(500)
    assert.deepEqual(await found, [PUBLIC])
    assert.deepEqual(asked, ['1 for 4,1,3 at 0', '2 for 4,1,3 at 500'])
    answer = (_, __, signal) => clock.sleep(1e9, signal).then(() => [])
    await clock.advance(10_000)
    const none = finder.find(three!.peerId)
    await clock.advance(2_000)
    assert.deepEqual(await none, [])
    assert.equal(clock.waiting, 0)
  })

  it('asks members before strangers, who may be one and the same many times', async () => {
    const record = await four!.says()
    const strangers = await Promise.all([5, 6, 7, 8, 9].map(signer))
    reached = () => [...strangers.map(({ peerId }) => peerId), two!.peerId, one!.peerId]
    answer = async peer => (peer === one!.peerId ? [record] : [])
    assert.deepEqual(await finder.find(four!.peerId), [PUBLIC])
    assert.equal(asked.length, 1)
  })

  it('asks relays of the network after members and before strangers, reached or not, each once', async () => {
    const [stranger, relay] = await Promise.all([5, 6].map(signer))
    relays.push({ peerId: four!.peerId, multiaddrs: ['/ip4/192.0.2.4/tcp/4'] })
    reached = () => [four!.peerId, stranger!.peerId, one!.peerId]
    answer = async () => []
    await finder.refresh()
    assert.deepEqual(whom, [one!.peerId, four!.peerId, stranger!.peerId])
    relays.push({ peerId: relay!.peerId, multiaddrs: [] })
    reached = () => []
    await finder.refresh()
    assert.deepEqual(whom.slice(3).sort(), [relay!.peerId, four!.peerId].sort())
  })

  it('asks another at once when one knows nobody', async () => {
    const record = await four!.says()
    answer = async peer => (peer === two!.peerId ? [record] : [])
    assert.deepEqual(await finder.find(four!.peerId), [PUBLIC])
    assert.deepEqual(asked, ['1 for 4,1,3 at 0', '2 for 4,1,3 at 0'])
  })

  it('does not ask again at once for who was not found', async () => {
    answer = async () => []
    assert.deepEqual(await finder.find(four!.peerId), [])
    assert.deepEqual(await finder.find(four!.peerId), [])
    assert.equal(asked.length, 2)
    await clock.advance(10_000)
    await finder.find(four!.peerId)
    assert.equal(asked.length, 4)
  })

  it('takes nothing that it did not ask for, and nothing that is forged', async () => {
    const forged = await three!.says()
    forged[forged.length - 1]! ^= 1
    const records = [await two!.says(), forged]
    answer = async () => records
    await finder.refresh()
    assert.deepEqual(asked, ['1 for 1,3 at 0'])
    assert.equal(book.size, 0)
  })

  it('does not wait for itself when the one that it asks cannot be reached', async () => {
    answer = async peer => {
      assert.deepEqual(await finder.find(peer), [])
      return []
    }
    assert.deepEqual(await finder.find(four!.peerId), [])
    // one question of each: none begins within another
    assert.deepEqual(whom, [one!.peerId, two!.peerId])
  })

  it('ends with its signal', async () => {
    answer = (_, __, signal) => clock.sleep(1e9, signal).then(() => [])
    const stop = new AbortController()
    const found = assert.rejects(finder.find(four!.peerId, stop.signal), /enough/)
    await clock.advance(1)
    stop.abort(new Error('enough'))
    await found
    await clock.advance(2_000)
    assert.equal(clock.waiting, 0)
  })
})
