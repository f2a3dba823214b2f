import assert from 'node:assert/strict'
import { blobIdToBytes } from '../../../codec/index.ts'
import type { ShardIndex } from '../../../codec/types.ts'
import { ProtocolError, type RecoveredSymbols } from '../../../protocols/index.ts'
import type { PeerContext } from '../../../protocols/ports.ts'
import {
  RecoverAnswer,
  type RecoverQuery,
  RecoverRequest,
  type RecoverStatus,
} from '../../../protocols/recover/messages.ts'
import { writeBody } from '../../../protocols/stream/body.ts'
import type { Channel } from '../../../protocols/stream/channel.ts'
import { blobId, EPOCH } from '../support/fakes.ts'
import type { HandServer } from '../support/hand-server.ts'
import { type TestClient, type TestServer, testPeers } from '../support/peers.ts'

const shards = (...of: number[]) => of as ShardIndex[]
const SIZE = 6
const found: RecoverStatus = { status: 'found', symbolSize: SIZE }
const unknown: RecoverStatus = { status: 'unknown' }
const ids = [blobId(1), blobId(2), blobId(3)]
const prefixes = ids.map(id => blobIdToBytes(id).slice(0, 8))
const query: RecoverQuery = {
  epoch: EPOCH,
  axis: 'primary',
  targets: shards(1, 4),
  sources: shards(2, 5, 9),
  blobs: { Ids: ids },
  proofs: false,
}
const known = { symbolSizes: [SIZE, SIZE, SIZE], pathBytes: 0 }
const cell = (fill: number, bytes = 2 * SIZE) => new Uint8Array(bytes).fill(fill)

async function all(steps: AsyncGenerator<RecoveredSymbols, readonly RecoverStatus[]>) {
  const symbols: [blob: number, source: number, first: number, bytes: number][] = []
  for (;;) {
    const next = await steps.next()
    // as they came over the wire
    if (next.done) return { symbols, blobs: next.value.map(({ status }) => status) }
    const { blob, source, data } = next.value
    symbols.push([blob, source, data[0]!, data.length])
  }
}

describe('recover between two peers', () => {
  const peers = testPeers()
  let server: TestServer
  let asker: TestClient
  const asked: (RecoverQuery & Pick<PeerContext, 'peer'>)[] = []
  let blobs: RecoverStatus[]
  let groups: (Uint8Array | undefined)[][]

  before(async () => {
    server = await peers.server()
    asker = await peers.client()
    server.node.recovery.open = async (request, { peer }) => {
      asked.push({ ...request, peer })
      return {
        blobs,
        async *symbols() {
          yield* groups
        },
      }
    }
  })
  beforeEach(() => {
    asked.length = 0
    blobs = [found, unknown, found]
    groups = [
      [cell(1), undefined, cell(3), undefined],
      [cell(5), cell(6)],
    ]
  })
  after(() => peers.stop())

  it('brings symbols source by source, and how it stands with each blob', async () => {
    const { symbols, blobs: statuses } = await all(asker.client.recover(server.address, query, known))
    assert.deepEqual(statuses, ['found', 'unknown', 'found'])
    assert.deepEqual(symbols, [
      [0, 0, 1, 2 * SIZE],
      [0, 2, 3, 2 * SIZE],
      [2, 1, 5, 2 * SIZE],
      [2, 2, 6, 2 * SIZE],
    ])
    const [{ peer, axis, targets, sources, proofs }] = asked as [(typeof asked)[0]]
    assert.equal(peer, asker.libp2p.peerId.toString())
    const { epoch: _, blobs: __, ...rest } = query
    assert.deepEqual({ axis, targets, sources, proofs }, rest)
  })

  it('names blobs by the beginning of their IDs', async () => {
    const { symbols } = await all(
      asker.client.recover(server.address, { ...query, blobs: { Prefixes: prefixes } }, known),
    )
    assert.equal(symbols.length, 4)
    const [request] = asked
    assert.ok(request !== undefined && 'Prefixes' in request.blobs)
    assert.deepEqual(
      request.blobs.Prefixes.map(bytes => [...bytes]),
      prefixes.map(bytes => [...bytes]),
    )
  })

  it('takes a blob of other symbols behind the same prefix for none', async () => {
    // more than a chunk of 256 KiB, which is passed over
    const targets = shards(1, 4, 5, 6, 7)
    blobs = [found, unknown, { status: 'found', symbolSize: 65_534 }]
    groups = [
      [cell(1, 5 * SIZE), undefined, cell(3, 5 * SIZE)],
      [cell(5, 5 * 65_534), undefined, cell(6, 5 * 65_534)],
    ]
    const { symbols, blobs: statuses } = await all(
      asker.client.recover(server.address, { ...query, targets, blobs: { Prefixes: prefixes } }, known),
    )
    assert.deepEqual(statuses, ['found', 'unknown', 'ambiguous'])
    assert.deepEqual(
      symbols.map(([blob]) => blob),
      [0, 0],
    )
  })

  it('brings paths with the symbols where they are asked for', async () => {
    groups = [[cell(1, 2 * (SIZE + 128)), undefined, undefined, undefined, undefined, undefined]]
    const { symbols } = await all(
      asker.client.recover(server.address, { ...query, proofs: true }, { ...known, pathBytes: 128 }),
    )
    assert.deepEqual(symbols, [[0, 0, 1, 2 * (SIZE + 128)]])
  })

  it('has nothing to send of what is not there', async () => {
    blobs = [unknown, { status: 'ended' }, { status: 'ambiguous' }]
    groups = []
    assert.deepEqual(await all(asker.client.recover(server.address, query, known)), {
      symbols: [],
      blobs: ['unknown', 'ended', 'ambiguous'],
    })
  })

  it('tells why it does not answer, before and in the middle', async () => {
    const { open } = server.node.recovery
    try {
      server.node.recovery.open = async () => {
        throw new ProtocolError('NOT_YOURS', { details: { shard: 4, epoch: 3 } })
      }
      const refused = { code: 'NOT_YOURS', remote: true, details: { shard: '4', epoch: '3' } }
      await assert.rejects(all(asker.client.recover(server.address, query, known)), refused)
      server.node.recovery.open = async () => ({
        blobs,
        async *symbols() {
          yield groups[0]!
          throw new ProtocolError('BUSY', { retryAfterMs: 7 })
        },
      })
      const busy = { code: 'BUSY', remote: true, retryAfterMs: 7 }
      await assert.rejects(all(asker.client.recover(server.address, query, known)), busy)
    } finally {
      server.node.recovery.open = open
    }
  })

  it('refuses shards that do not ascend', async () => {
    for (const change of [{ targets: shards(4, 1) }, { sources: shards(2, 2) }]) {
      await assert.rejects(all(asker.client.recover(server.address, { ...query, ...change }, known)), {
        code: 'MALFORMED',
      })
    }
    assert.equal(asked.length, 0)
  })
})

describe('an asker among hostile sources of symbols', () => {
  const peers = testPeers()
  let asker: TestClient
  let server: HandServer

  before(async () => {
    asker = await peers.client()
    server = await peers.byHand()
  })
  after(() => peers.stop())
  afterEach(() => server.forget())

  /** A source that answers by hand once it was asked. */
  const answering = (answer: (channel: Channel) => Promise<void>) =>
    server.answering('recover', RecoverRequest, answer)
  const ask = () => all(asker.client.recover(server.address, query, known))
  const tell = (channel: Channel, ...blobs: RecoverStatus[]) =>
    channel.send(RecoverAnswer.encode({ Blobs: blobs }))
  const symbols = async (channel: Channel, ...there: boolean[]) => {
    await channel.send(RecoverAnswer.encode({ Symbols: there }))
    for (const is of there) if (is) await writeBody(channel.writer, cell(1))
  }

  const violations: [string, (channel: Channel) => Promise<void>][] = [
    ['symbols before it is said how it stands with blobs', channel => symbols(channel, true)],
    ['fewer blobs than were asked for', channel => tell(channel, found)],
    ['more blobs than were asked for', channel => tell(channel, found, found, found, unknown)],
    [
      'another symbol size for a whole ID',
      channel => tell(channel, { ...found, symbolSize: 4 }, found, found),
    ],
    [
      'more cells than blobs that were found have',
      async channel => {
        await tell(channel, found, unknown, unknown)
        await symbols(channel, true, true)
        await channel.send(RecoverAnswer.encode({ Symbols: [false, false] }))
      },
    ],
    [
      'blobs a second time',
      async channel => {
        await tell(channel, found, found, found)
        await tell(channel, found, found, found)
      },
    ],
  ]
  for (const [name, answer] of violations) {
    it(`refuses ${name}`, async () => {
      await answering(answer)
      await assert.rejects(ask(), { code: 'VIOLATION', remote: false })
    })
  }

  for (const symbolSize of [0, 5, 65_535])
    it(`refuses symbols of ${symbolSize} bytes behind a prefix, which no blob has`, async () => {
      await answering(channel => tell(channel, { ...found, symbolSize }, found, found))
      const asking = asker.client.recover(server.address, { ...query, blobs: { Prefixes: prefixes } }, known)
      await assert.rejects(all(asking), { code: 'VIOLATION', remote: false })
    })

  const malformed: [string, number[]][] = [
    ['no cell', [0, 0, 1, 0]],
    ['more cells than may be', [0, 0, 1, 0xff, 0xff, 0x7f]],
    ['bits behind the last cell', [0, 0, 1, 3, 0b1001]],
    ['a status that there is not', [0, 0, 0, 1, 9]],
  ]
  for (const [name, bytes] of malformed) {
    it(`does not take ${name}`, async () => {
      await answering(channel => channel.send(Uint8Array.from(bytes)))
      await assert.rejects(ask(), { code: 'MALFORMED' })
    })
  }

  it('notices symbols that are cut off', async () => {
    await answering(async channel => {
      await tell(channel, found, found, found)
      await channel.send(RecoverAnswer.encode({ Symbols: [true] }))
      await writeBody(channel.writer, cell(1).subarray(1))
      await channel.writer.close()
    })
    await assert.rejects(ask(), { code: 'TRUNCATED' })
  })
})
