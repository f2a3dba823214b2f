import assert from 'node:assert/strict'
import type { BlobMetadata } from '../../../../codec/types.ts'
import { findMetadata } from '../../../../node/client/download/find-metadata.ts'
import { blobId, metadataOf } from '../../../protocols/support/fakes.ts'
import {
  type FakePeer,
  fakeBook,
  fakeCommittee,
  fakePeers,
  fixedOwners,
} from '../../../support/fake-peers.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const N = 100
const METADATA_BYTES = 64 * N
const ROUND_TRIP_MS = 60
const STEP_MS = 20

describe('metadata that a reader looks for', () => {
  const id = blobId(1)
  const right = { ...metadataOf(id, 1_000), nShards: N } as BlobMetadata
  let clock: VirtualClock
  beforeEach(() => {
    clock = new VirtualClock()
  })

  /** Peers behind one line, which those share that send. */
  const behindLine = (bytesPerSecond: number): FakePeer => {
    let sending = 0
    return {
      async metadata(signal, onBytes) {
        await clock.sleep(ROUND_TRIP_MS, signal)
        sending++
        try {
          for (let left = METADATA_BYTES; left > 0; ) {
            await clock.sleep(STEP_MS, signal)
            const share = (bytesPerSecond * STEP_MS) / 1000 / sending
            onBytes(share)
            left -= share
          }
        } finally {
          sending--
        }
        return right
      },
    }
  }
  const prompt: FakePeer = { metadata: async () => right }
  const dripping: FakePeer = {
    async metadata(signal, onBytes) {
      for (;;) {
        await clock.sleep(STEP_MS, signal)
        onBytes(1)
      }
    },
  }
  const mute: FakePeer = { metadata: async signal => await clock.sleep(1e9, signal).then(() => undefined) }

  /** The number of peers that were asked, once it was found within so long. */
  const asked = async (peerOf: (index: number) => FakePeer, withinMs: number): Promise<number> => {
    let count = 0
    const counted = (peer: FakePeer): FakePeer => ({
      metadata: (...of) => {
        count++
        return peer.metadata!(...of)
      },
    })
    const committee = fakeCommittee(N, N)
    const book = fakeBook()
    const stop = new AbortController()
    let found: BlobMetadata | undefined
    const finding = findMetadata(
      {
        codec: { isMetadata: async () => true },
        peers: fakePeers(Array.from({ length: N }, (_, i) => counted(peerOf(i)))),
        book,
        accuse: () => assert.fail('nobody lies'),
        clock,
      },
      fixedOwners(committee, book),
      id,
      { signal: stop.signal },
    ).then(
      metadata => {
        found = metadata
      },
      () => undefined,
    )
    await clock.advance(withinMs)
    stop.abort()
    await finding
    assert.equal(found, right)
    return count
  }

  it('is not asked of everyone over a slow line that all have to share', async () => {
    const slow = behindLine(METADATA_BYTES / 0.6)
    assert.ok((await asked(() => slow, 2_000)) <= 3)
    const slower = behindLine(METADATA_BYTES / 2)
    assert.ok((await asked(() => slower, 6_000)) <= 5)
  })

  it('is asked of twice as many each time while nothing comes, or drops only', async () => {
    for (const lost of [mute, dripping]) assert.equal(await asked(i => (i < 4 ? lost : prompt), 600), 8)
  })
})
