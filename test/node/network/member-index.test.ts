import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Committee, CommitteeMember, Committees } from '../../../chain/types/index.ts'
import { createMemberIndex } from '../../../node/network/member-index.ts'
import { networkPublicKeyFromSeed, peerIdTextOf } from '../../../node/network/peer-id.ts'

describe('the index of members', () => {
  let keys: Uint8Array[]
  before(async () => {
    keys = await Promise.all([1, 2, 3, 4].map(() => networkPublicKeyFromSeed(randomBytes(32))))
  })
  const member = (name: string, networkPublicKey: Uint8Array) =>
    ({ name, networkPublicKey }) as unknown as CommitteeMember
  const committee = (...members: CommitteeMember[]) => ({ members }) as unknown as Committee
  const peer = (key: number) => peerIdTextOf(keys[key]!)!

  it('finds members of all three committees, by the present record first, and no others', () => {
    const known = {
      current: committee(member('current', keys[0]!), member('broken', Uint8Array.of(1))),
      next: committee(member('next', keys[1]!)),
      previous: committee(member('before', keys[0]!), member('previous', keys[2]!)),
    } as unknown as Committees
    const index = createMemberIndex()
    const nameOf = (key: number) => index.of(known, peer(key))?.name
    assert.deepEqual([0, 1, 2, 3].map(nameOf), ['current', 'next', 'previous', undefined])
    assert.equal(index.of(undefined, peer(0)), undefined)
    const alone = { current: known.current } as Committees
    assert.deepEqual([index.of(alone, peer(0))?.name, index.of(alone, peer(2))], ['current', undefined])
  })

  it('knows the key of the record that is given, and derives no PeerId twice', () => {
    let read = 0
    const counting = (key: Uint8Array) => ({
      get networkPublicKey() {
        read++
        return key
      },
    })
    const first = { current: committee(counting(keys[0]!) as CommitteeMember) } as Committees
    const index = createMemberIndex()
    for (let i = 0; i < 3; i++) assert.ok(index.of({ ...first }, peer(0)))
    assert.equal(read, 1)
    const renewed = { current: committee(counting(keys[1]!) as CommitteeMember) } as Committees
    assert.deepEqual(
      [index.of(renewed, peer(0)), index.of(renewed, peer(1)) !== undefined],
      [undefined, true],
    )
    assert.equal(read, 2)
  })
})
