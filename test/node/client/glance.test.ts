import assert from 'node:assert/strict'
import type { Committee, CommitteeMember } from '../../../chain/types/index.ts'
import { seemsNew } from '../../../node/client/network-status.ts'
import type { PeerBook } from '../../../node/network/peer-book.ts'
import type { PeerClient } from '../../../protocols/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const BLOB = 'A'.repeat(43) as Parameters<typeof seemsNew>[2]
const DIRECT = ['/ip4/203.0.113.7/tcp/31500']
const RELAYED = ['/ip4/203.0.113.10/tcp/4001/p2p/12D3KooWRelay/p2p-circuit']

/** Whether a blob is held for new that two nodes with these addresses say is new after so long. */
async function heldForNew(multiaddrs: readonly string[][], answersAfterMs: number): Promise<boolean> {
  const clock = new VirtualClock()
  const members = multiaddrs.map((_, index) => ({ index }) as CommitteeMember) as Committee['members']
  const book = {
    address: ({ index }) => ({ peerId: `${index}`, multiaddrs: multiaddrs[index]! }),
  } as Pick<PeerBook, 'address'> as PeerBook
  const peers: Pick<PeerClient, 'blobStatus'> = {
    async blobStatus(_peer, _blobId, { signal } = {}) {
      await clock.sleep(answersAfterMs, signal)
      return { kind: 'nonexistent' }
    },
  }
  const glance = seemsNew({ peers, book, clock }, members, BLOB)
  await clock.advanceUntil(glance, 100)
  return glance
}

describe('the glance whether a blob is new', () => {
  it('waits a second for nodes that are reached directly', async () => {
    assert.equal(await heldForNew([DIRECT, DIRECT], 900), true)
    assert.equal(await heldForNew([DIRECT, DIRECT], 1_500), false)
    assert.equal(await heldForNew([DIRECT, RELAYED], 1_500), false)
  })

  it('waits two where all are behind relays, or have no address on chain', async () => {
    assert.equal(await heldForNew([RELAYED, RELAYED], 1_500), true)
    assert.equal(await heldForNew([RELAYED, []], 1_500), true)
    assert.equal(await heldForNew([RELAYED, RELAYED], 2_500), false)
  })
})
