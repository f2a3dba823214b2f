import assert from 'node:assert/strict'
import { silentLog } from '../../../base/log.ts'
import { type AddressBook, createAddressBook } from '../../../node/network/addresses/book.ts'
import { createMemberRecords, type MemberRecords } from '../../../node/relay/member-records.ts'
import { MAX_ASKED_PEERS, type PeerAddress } from '../../../protocols/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { NOW, type Signer, signer } from '../network/addresses/support.ts'

describe('what a relay knows of where members are', () => {
  const MOVED = '/ip4/192.0.2.9/tcp/9'
  let clock: VirtualClock
  let book: AddressBook
  let records: MemberRecords
  let signers: Signer[]
  let members: PeerAddress[]
  let here: Set<string>
  /** by who was asked: for how many, and when */
  let asked: string[]
  let answer: (peerId: string, ids: readonly string[]) => Promise<Uint8Array[]>

  beforeEach(async () => {
    signers = await Promise.all([1, 2, 3, 4, 5].map(signer))
    clock = new VirtualClock(NOW)
    members = signers.map(({ peerId }) => ({ peerId, multiaddrs: [] }))
    here = new Set()
    asked = []
    book = createAddressBook({ isMember: () => true, isPrivate: false, clock })
    records = createMemberRecords({
      book,
      peers: {
        async peers({ peerId }, ids) {
          asked.push(
            `${members.findIndex(one => one.peerId === peerId)} for ${ids.length} at ${clock.monotonic()}`,
          )
          return await answer(peerId, ids)
        },
      },
      members: () => members,
      isConnected: peerId => here.has(peerId),
      clock,
      random: () => 0.5,
      log: silentLog(),
    })
    answer = async () => Promise.all(signers.map(one => one.says()))
  })
  afterEach(async () => {
    await records.stop()
    assert.equal(clock.waiting, 0)
  })

  it('is asked of a member as soon as one is there, and of three of those who are', async () => {
    records.start()
    await clock.advance(30_000)
    assert.deepEqual(asked, [])
    here.add(members[1]!.peerId)
    records.memberCame()
    await clock.advance(0)
    assert.deepEqual(asked, ['1 for 5 at 30000'])
    assert.equal(book.size, 5)
    for (const { peerId } of members) here.add(peerId)
    await clock.advance(60_000)
    assert.equal(asked.length, 4)
  })

  it('is asked where the chain says that members are, when none is there, and where their records say', async () => {
    members[3] = { ...members[3]!, multiaddrs: ['/ip4/192.0.2.3/tcp/3'] }
    await book.learn(await signers[4]!.says())
    answer = async () => []
    records.start()
    await clock.advance(0)
    assert.deepEqual(asked, ['3 for 5 at 0', '4 for 5 at 0'])
    // those who are here go first
    members[0] = { ...members[0]!, multiaddrs: ['/ip4/192.0.2.1/tcp/1'] }
    for (const at of [1, 2]) here.add(members[at]!.peerId)
    await clock.advance(5_000)
    assert.deepEqual(asked.slice(2), ['1 for 5 at 5000', '2 for 5 at 5000', '0 for 5 at 5000'])
  })

  it('is asked again every minute, so that one who has moved is found, and less and less often while some are missing', async () => {
    here.add(members[0]!.peerId)
    answer = async () => [await signers[0]!.says()]
    records.start()
    await clock.advance(40_000)
    assert.deepEqual(
      asked.map(one => one.split(' at ')[1]),
      ['0', '5000', '15000', '35000'],
    )
    answer = async () => Promise.all(signers.map(one => one.says()))
    await clock.advance(35_000)
    assert.equal(book.size, 5)
    answer = async () => [await signers[2]!.says(NOW + 1, [MOVED])]
    await clock.advance(60_000)
    assert.deepEqual(book.addresses(members[2]!.peerId), [MOVED])
  })

  it('takes nothing of others than members, and is known all the same when one tells nothing', async () => {
    const stranger = await signer(6)
    for (const at of [0, 1]) here.add(members[at]!.peerId)
    answer = async peerId => {
      if (peerId === members[0]!.peerId) throw new Error('no answer')
      return [await stranger.says(), await signers[4]!.says()]
    }
    records.start()
    await clock.advance(0)
    assert.equal(book.get(stranger.peerId), undefined)
    assert.equal(book.size, 1)
  })

  it('is asked in as many questions as a large committee needs', async () => {
    here.add(members[0]!.peerId)
    const others = Array.from({ length: MAX_ASKED_PEERS }, () => ({ peerId: 'one of many', multiaddrs: [] }))
    members = [...members, ...others]
    answer = async () => []
    records.start()
    await clock.advance(0)
    assert.deepEqual(asked, [`0 for ${MAX_ASKED_PEERS} at 0`, '0 for 5 at 0'])
  })
})
