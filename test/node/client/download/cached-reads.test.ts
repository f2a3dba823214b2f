import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { createSemaphore } from '../../../../base/semaphore.ts'
import { type BlobCodec, type Codec, createCodec, type EncodedBlob } from '../../../../codec/index.ts'
import { openBlob } from '../../../../node/client/download/blob-handle.ts'
import { readWhole } from '../../../../node/client/download/download.ts'
import type { SliverCache } from '../../../../node/client/download/sliver-cache.ts'
import {
  fakeBook,
  fakeCommittee,
  fakePeers,
  fixedOwners,
  honest,
  neverRenewed,
} from '../../../support/fake-peers.ts'

const committee = fakeCommittee(13, 100)

/** What was put, of one blob. */
function memorySlivers() {
  const kept = new Map<number, Uint8Array>()
  const dropped: number[] = []
  const cache: SliverCache = {
    pairs: () => [...kept.keys()] as never[],
    get: async (_, pair) => kept.get(pair),
    put: (_, pair, bytes) => void kept.set(pair, bytes.slice()),
    drop(_, pair) {
      dropped.push(pair)
      kept.delete(pair)
    },
    close: async () => {},
  }
  return { cache, kept, dropped }
}

describe('reads with a cache of slivers', function () {
  this.timeout(20_000)
  let codec: Codec
  before(() => {
    codec = createCodec({ threads: 0 })
  })
  after(() => codec.close())

  const reader = (blob: EncodedBlob) => {
    const peers = fakePeers(committee.members.map(() => honest(blob)))
    const liars: string[] = []
    const memory = memorySlivers()
    const components = {
      peers,
      book: fakeBook(),
      owners: neverRenewed,
      codec: codec as unknown as BlobCodec,
      log: silentLog(),
      accuse: ({ nodeId }: { nodeId: string }) => void liars.push(nodeId),
      clock: systemClock,
      slivers: memory.cache,
    }
    const slivers = () => peers.asked.splice(0).reduce((sum, { items }) => sum + items, 0)
    return { components, ...memory, liars, slivers }
  }
  const spoil = (kept: Map<number, Uint8Array>, count: number) => {
    for (const bytes of [...kept.values()].slice(0, count)) bytes[100]! ^= 1
  }

  it('ask peers for what is lacking of a whole blob, and find out what was altered', async () => {
    const data = randomBytes(40_000)
    const blob = await codec.encode(data, 100)
    const { components, kept, dropped, liars, slivers } = reader(blob)
    const read = async () => {
      const whole = await readWhole(components, fixedOwners(committee), blob.metadata.blobId)
      assert.ok(data.equals(whole.data))
      return slivers()
    }
    assert.equal(await read(), 34)
    assert.equal(await read(), 0)
    for (const pair of [...kept.keys()].slice(0, 4)) kept.delete(pair)
    assert.equal(await read(), 4)
    spoil(kept, 3)
    assert.equal(await read(), 3)
    assert.equal(dropped.length, 3)
    assert.equal(await read(), 0)
    assert.deepEqual(liars, [])
    blob.release()
  })

  it('take rows from there, and fetch those again that were altered', async () => {
    const data = randomBytes(4_600_000)
    const blob = await codec.encode(data, 100)
    const { components, kept, dropped, liars, slivers } = reader(blob)
    const ended = { signal: new AbortController().signal, closing: new AbortController().signal }
    await using handle = await openBlob(
      {
        ...components,
        metrics: { download: () => {} },
        decoding: createSemaphore(1),
        createSpool: () => assert.fail('nothing is to be decoded'),
      },
      fixedOwners(committee),
      blob.metadata.blobId,
      { ...ended, handles: new Set() },
    )
    assert.ok(data.equals(await handle.read()))
    assert.equal(slivers(), 34)
    assert.ok(data.equals(await handle.read()))
    assert.equal(slivers(), 0)
    spoil(kept, 2)
    assert.ok(data.equals(await handle.read()))
    assert.equal(slivers(), 2)
    assert.equal(dropped.length, 2)
    assert.deepEqual(liars, [])
    blob.release()
  })
})
