import assert from 'node:assert/strict'
import { sliverLength } from '../../../codec/index.ts'
import type { BlobId, Epoch, ShardIndex, SliverPairIndex } from '../../../codec/types.ts'
import { ProtocolError, type ShardPageRequest } from '../../../protocols/index.ts'
import type { SyncedBlob } from '../../../protocols/shard-sync/client.ts'
import {
  ShardSyncAnswer,
  type ShardSyncQuery,
  ShardSyncRequest,
} from '../../../protocols/shard-sync/messages.ts'
import { QUOTAS, SPECS } from '../../../protocols/specs.ts'
import { writeBody } from '../../../protocols/stream/body.ts'
import type { Channel } from '../../../protocols/stream/channel.ts'
import { blobId, EPOCH, keyOf, metadataOf, primary, secondary, sliverBytes } from '../support/fakes.ts'
import type { HandServer } from '../support/hand-server.ts'
import { type TestClient, type TestServer, testPeers } from '../support/peers.ts'

const SHARD = 4 as ShardIndex
const LENGTH = 1_000
const query: ShardSyncQuery = {
  epoch: EPOCH,
  shard: SHARD,
  maxBlobs: 10,
  maxBytes: 1_000_000,
  metadata: false,
}
const lengthsOf = (unencodedLength: number) => ({
  primary: sliverLength(10, unencodedLength, 'primary'),
  secondary: sliverLength(10, unencodedLength, 'secondary'),
})
/** Every blob is wanted and of one length. */
const lengths = async () => lengthsOf(LENGTH)

async function all(page: AsyncGenerator<SyncedBlob, { whole: boolean }>) {
  const blobs: SyncedBlob[] = []
  for (;;) {
    const next = await page.next()
    if (next.done) return { blobs, ...next.value }
    blobs.push(next.value)
  }
}

describe('shard-sync between two peers', () => {
  const peers = testPeers()
  let server: TestServer
  let taker: TestClient
  let asked: ShardPageRequest[] = []
  let strangers = 0
  /** pair of the shard for each blob */
  const pairs = new Map<BlobId, number>([1, 2, 3].map(i => [blobId(i), i]))

  before(async () => {
    server = await peers.server({ stranger: () => void strangers++ })
    taker = await peers.client()
    for (const [id, pair] of pairs) {
      for (const ref of [primary(pair), secondary(pair)])
        server.node.slivers.stored.set(keyOf(id, ref), sliverBytes(metadataOf(id, LENGTH), ref))
    }
    server.node.slivers.stored.delete(keyOf(blobId(2), secondary(2)))
    server.node.status.metadata = async id => (id === blobId(3) ? undefined : metadataOf(id, LENGTH))
    server.node.shards.page = async request => {
      asked.push(request)
      const after = [...pairs].filter(([id]) => request.after === undefined || id > request.after)
      const blobs = after.slice(0, request.maxBlobs)
      return {
        blobs: blobs.map(([id, pair]) => ({ blobId: id, pair: pair as SliverPairIndex })),
        end: blobs.length === after.length,
      }
    }
  })
  beforeEach(() => {
    asked = []
  })
  after(() => peers.stop())

  it('brings a page of slivers, and says what is lacking and that no more come', async () => {
    const page = await all(taker.client.shardPage(server.address, query, { lengths }))
    assert.equal(page.whole, true)
    const bytes = (id: number, ref: ReturnType<typeof primary>) =>
      sliverBytes(metadataOf(blobId(id), LENGTH), ref)
    assert.deepEqual(page.blobs, [
      { blobId: blobId(1), primary: bytes(1, primary(1)), secondary: bytes(1, secondary(1)) },
      { blobId: blobId(2), primary: bytes(2, primary(2)) },
      { blobId: blobId(3), primary: bytes(3, primary(3)), secondary: bytes(3, secondary(3)) },
    ])
    assert.deepEqual({ ...asked[0], peer: undefined }, { ...query, after: undefined, peer: undefined })
  })

  it('goes on after a blob, page by page, and by bytes', async () => {
    const two = await all(taker.client.shardPage(server.address, { ...query, maxBlobs: 2 }, { lengths }))
    assert.deepEqual([two.blobs.map(blob => blob.blobId), two.whole], [[blobId(1), blobId(2)], false])
    const rest = await all(
      taker.client.shardPage(server.address, { ...query, after: blobId(2), maxBlobs: 2 }, { lengths }),
    )
    assert.deepEqual([rest.blobs.map(blob => blob.blobId), rest.whole], [[blobId(3)], true])
    const one = await all(taker.client.shardPage(server.address, { ...query, maxBytes: 1 }, { lengths }))
    assert.deepEqual([one.blobs.map(blob => blob.blobId), one.whole], [[blobId(1)], false])
  })

  it('brings the metadata where it is asked for and there', async () => {
    const page = await all(taker.client.shardPage(server.address, { ...query, metadata: true }, { lengths }))
    assert.deepEqual(
      page.blobs.map(({ metadata }) => metadata),
      [metadataOf(blobId(1), LENGTH), metadataOf(blobId(2), LENGTH), undefined],
    )
  })

  it('passes over what is not wanted', async () => {
    const only = async (id: BlobId) => (id === blobId(2) ? lengthsOf(LENGTH) : undefined)
    const page = await all(taker.client.shardPage(server.address, query, { lengths: only }))
    assert.deepEqual(
      page.blobs.map(blob => blob.blobId),
      [blobId(2)],
    )
    assert.equal(page.whole, true)
  })

  it('tells why it does not answer', async () => {
    const { page } = server.node.shards
    server.node.shards.page = async () => {
      throw new ProtocolError('EPOCH_AHEAD', { details: { epoch: 3 }, retryAfterMs: 2_000 })
    }
    try {
      await assert.rejects(all(taker.client.shardPage(server.address, query, { lengths })), {
        code: 'EPOCH_AHEAD',
        remote: true,
        retryAfterMs: 2_000,
        details: { epoch: '3' },
      })
    } finally {
      server.node.shards.page = page
    }
  })

  it('has the members read again when it does not know who asks, and then only', async () => {
    const { page } = server.node.shards
    for (const code of ['NOT_YOURS', 'NOT_A_MEMBER'] as const) {
      server.node.shards.page = async () => {
        throw new ProtocolError(code)
      }
      await assert.rejects(all(taker.client.shardPage(server.address, query, { lengths })), { code })
      assert.equal(strangers, code === 'NOT_A_MEMBER' ? 1 : 0)
    }
    server.node.shards.page = page
  })

  it('refuses a page of no blobs, or too many', async () => {
    for (const maxBlobs of [0, 1_001]) {
      await assert.rejects(all(taker.client.shardPage(server.address, { ...query, maxBlobs }, { lengths })), {
        code: 'MALFORMED',
      })
    }
  })

  it('looks for the next slivers while those before are on their way', async () => {
    const { open } = server.node.slivers
    const next = Promise.withResolvers<void>()
    server.node.slivers.open = async (id, ref, options) => {
      if (id === blobId(2)) next.resolve()
      // nothing of the first blob leaves before the second is looked for
      if (id === blobId(1)) await next.promise
      return await open(id, ref, options)
    }
    try {
      const page = await all(taker.client.shardPage(server.address, query, { lengths }))
      assert.equal(page.blobs.length, 3)
    } finally {
      server.node.slivers.open = open
    }
  })

  it('keeps nothing of pages that end early', async () => {
    const { open } = server.node.slivers
    const pieces = QUOTAS.peer.pieces
    for (let i = 0; i <= pieces; i++) {
      const one = await all(taker.client.shardPage(server.address, { ...query, maxBytes: 1 }, { lengths }))
      assert.equal(one.blobs.length, 1)
    }
    server.node.slivers.open = async (id, ref, options) => {
      if (id === blobId(2)) throw new Error('the disk failed')
      return await open(id, ref, options)
    }
    try {
      for (let i = 0; i <= pieces; i++)
        await assert.rejects(all(taker.client.shardPage(server.address, query, { lengths })), {
          code: 'INTERNAL',
        })
    } finally {
      server.node.slivers.open = open
    }
    assert.equal((await all(taker.client.shardPage(server.address, query, { lengths }))).blobs.length, 3)
  })

  it('ends when the taker leaves in the middle, and goes on with another request', async () => {
    for await (const { blobId: id } of taker.client.shardPage(server.address, query, { lengths })) {
      assert.equal(id, blobId(1))
      break
    }
    const page = await all(taker.client.shardPage(server.address, query, { lengths }))
    assert.equal(page.blobs.length, 3)
  })
})

describe('a taker among hostile sources of shards', () => {
  const peers = testPeers()
  let taker: TestClient
  let server: HandServer

  before(async () => {
    taker = await peers.client()
    server = await peers.byHand()
  })
  after(() => peers.stop())
  afterEach(() => server.forget())

  /** A source that answers by hand once it was asked. */
  const answering = (answer: (channel: Channel) => Promise<void>) =>
    server.answering('shard-sync', ShardSyncRequest, answer)
  const ask = (changes: Partial<ShardSyncQuery> = {}) =>
    all(taker.client.shardPage(server.address, { ...query, ...changes }, { lengths }))
  const blob = (channel: Channel, id: number, fields: { primary?: number; metadata?: number } = {}) =>
    channel.send(
      ShardSyncAnswer.encode({
        Blob: {
          blobId: blobId(id),
          metadata: fields.metadata === undefined ? null : metadataOf(blobId(fields.metadata), LENGTH),
          primary: fields.primary ?? null,
          secondary: null,
        },
      }),
    )

  const blobs = async (channel: Channel, ids: number[]) => {
    for (const id of ids) await blob(channel, id)
  }

  const violations: [string, (channel: Channel) => Promise<void>, Partial<ShardSyncQuery>?][] = [
    ['a repeated blob', channel => blobs(channel, [2, 2])],
    ['blobs out of order', channel => blobs(channel, [2, 1])],
    ['a blob before the position', channel => blob(channel, 2), { after: blobId(2) }],
    ['more blobs than were asked for', channel => blobs(channel, [1, 2]), { maxBlobs: 1 }],
    ['metadata that was not asked for', channel => blob(channel, 1, { metadata: 1 })],
    ['metadata of another blob', channel => blob(channel, 1, { metadata: 2 }), { metadata: true }],
    ['a sliver of another length', channel => blob(channel, 1, { primary: 1_000_000 })],
  ]
  for (const [name, answer, changes] of violations) {
    it(`refuses ${name}`, async () => {
      await answering(answer)
      await assert.rejects(ask(changes), { code: 'VIOLATION', remote: false })
    })
  }

  it('does not hold what it does not want', async () => {
    await answering(async channel => {
      await blob(channel, 1, { primary: SPECS['shard-sync'].maxBodyBytes + 1 })
    })
    const none = async () => undefined
    await assert.rejects(all(taker.client.shardPage(server.address, query, { lengths: none })), {
      code: 'VIOLATION',
    })
  })

  it('notices a page that is cut off', async () => {
    await answering(async channel => {
      const { primary: length } = lengthsOf(LENGTH)
      await blob(channel, 1, { primary: length })
      await writeBody(channel.writer, new Uint8Array(length - 1))
      await channel.writer.close()
    })
    await assert.rejects(ask(), { code: 'TRUNCATED' })
  })

  it('takes an empty page for what it is', async () => {
    await answering(channel => channel.send(ShardSyncAnswer.encode({ PageEnd: { whole: false } })))
    assert.deepEqual(await ask({ epoch: 9 as Epoch }), { blobs: [], whole: false })
  })
})
