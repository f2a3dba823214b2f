import assert from 'node:assert/strict'
import { bcs } from '@mysten/bcs'
import { MAX_TABLE_PAGE_BYTES } from '../../../codec/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import type { SnapshotHead, SnapshotSource } from '../../../protocols/index.ts'
import { SnapshotAnswer, type SnapshotPage, SnapshotRequest } from '../../../protocols/snapshot/messages.ts'
import { SPECS } from '../../../protocols/specs.ts'
import { MAX_SNAPSHOTS, SnapshotsReply, StatusRequest } from '../../../protocols/status/messages.ts'
import type { Channel } from '../../../protocols/stream/channel.ts'
import { ClientHello, message, ServerHello } from '../../../protocols/wire.ts'
import { INFO, NETWORK } from '../support/fakes.ts'
import type { HandServer } from '../support/hand-server.ts'
import { type TestClient, type TestServer, testPeers } from '../support/peers.ts'
import { openRaw } from '../support/raw.ts'

const digest = new Uint8Array(32).fill(5)
const pages: SnapshotPage[] = [
  { rows: new Uint8Array(MAX_TABLE_PAGE_BYTES).fill(1), next: new Uint8Array(32).fill(2) },
  { rows: Uint8Array.of(7), next: new Uint8Array(32) },
]
const head: SnapshotHead = {
  epoch: 3 as Epoch,
  cursor: '0000000000000001-00000000-00000000-digest',
  blobs: 2 ** 40,
  pages: 2,
  first: new Uint8Array(32).fill(9),
}

describe('snapshot between two peers', () => {
  const peers = testPeers()
  let server: TestServer
  let taker: TestClient

  before(async () => {
    server = await peers.server()
    taker = await peers.client()
    Object.assign(server.node.snapshots, {
      heads: () => [head, { ...head, epoch: 2 as Epoch }],
      page: async (asked: Uint8Array, page: number) =>
        Buffer.compare(asked, digest) === 0 ? pages[page] : undefined,
    } satisfies SnapshotSource)
  })
  after(() => peers.stop())

  it('tells which tables there are, and brings their pages, however large', async () => {
    const { address } = server
    const { client } = taker
    assert.deepEqual(await client.snapshots(address), [head, { ...head, epoch: 2 as Epoch }])
    for (const [page, expected] of pages.entries())
      assert.deepEqual(await client.snapshotPage(address, { digest, page }), expected)
  })

  it('tells that it does not have a page, or a table, and goes on answering', async () => {
    const { address } = server
    const { client } = taker
    for (const query of [
      { digest, page: 2 },
      { digest: new Uint8Array(32), page: 0 },
    ])
      await assert.rejects(client.snapshotPage(address, query), { code: 'NO_SNAPSHOT', remote: true })
    assert.deepEqual(await client.snapshotPage(address, { digest, page: 1 }), pages[1])
  })

  it('refuses what is no request with a typed error, and answers others', async () => {
    const { address } = server
    const request = SnapshotRequest.encode({ digest, page: 0 })
    const attacks: [string, Uint8Array, string][] = [
      ['trailing bytes', Uint8Array.from([...request, 0]), 'MALFORMED'],
      ['a short digest', request.subarray(0, -1), 'MALFORMED'],
      ['another version', Uint8Array.from([1, ...request.subarray(1)]), 'MALFORMED'],
      ['too much', new Uint8Array(SPECS.snapshot.maxRequestBytes + 1), 'TOO_LARGE'],
    ]
    for (const [what, bytes, code] of attacks) {
      const raw = await openRaw(taker.libp2p, address, 'snapshot')
      await raw.send(ClientHello.encode({ network: NETWORK }), { timeoutMs: 5_000 })
      await raw.send(bytes, { timeoutMs: 5_000 })
      ServerHello.decode(await raw.receive(256, { timeoutMs: 5_000 }))
      assert.equal((await raw.refusal()).code, code, what)
    }
    assert.deepEqual(await taker.client.nodeInfo(address), INFO)
  })
})

describe('a taker among hostile sources of tables', () => {
  const peers = testPeers()
  let taker: TestClient
  let server: HandServer

  before(async () => {
    taker = await peers.client()
    server = await peers.byHand()
  })
  after(() => peers.stop())
  afterEach(() => server.forget())

  const answering = (protocol: 'snapshot' | 'status', answer: (channel: Channel) => Promise<void>) =>
    server.answering(protocol, protocol === 'snapshot' ? SnapshotRequest : StatusRequest, answer)
  const ask = () => taker.client.snapshotPage(server.address, { digest, page: 0 })
  /** As a server encodes it that knows no limits. */
  const Loose = message(
    'SnapshotAnswer',
    bcs.enum('SnapshotAnswerV1', {
      Ok: bcs.struct('SnapshotPage', { rows: bcs.byteVector(), next: bcs.bytes(32) }),
      Error: null,
    }) as never,
  )

  it('refuses a page that is longer than one can be', async () => {
    const rows = new Uint8Array(MAX_TABLE_PAGE_BYTES + 1)
    await answering('snapshot', channel =>
      channel.send(Loose.encode({ Ok: { rows, next: digest } } as never)),
    )
    await assert.rejects(ask(), { code: 'MALFORMED', remote: false })
  })

  it('refuses a message over the limit before it is buffered', async () => {
    await answering('snapshot', channel => channel.send(new Uint8Array(SPECS.snapshot.maxResponseBytes + 1)))
    await assert.rejects(ask(), { code: 'TOO_LARGE', remote: false })
  })

  it('refuses trailing bytes, and notices a page that is cut off', async () => {
    const answer = SnapshotAnswer.encode(pages[1]!)
    await answering('snapshot', channel => channel.send(Uint8Array.from([...answer, 0])))
    await assert.rejects(ask(), { code: 'MALFORMED' })
    await answering('snapshot', async channel => {
      await channel.writer.write(Uint8Array.of(answer.length, ...answer.subarray(0, -1)), {
        timeoutMs: 5_000,
      })
      await channel.writer.close({ timeoutMs: 5_000 })
    })
    await assert.rejects(ask(), { code: 'TRUNCATED' })
  })

  it('does not wait for longer than the caller', async () => {
    const asked = Promise.withResolvers<void>()
    await answering('snapshot', async () => {
      asked.resolve()
      await new Promise(() => undefined)
    })
    const stop = new AbortController()
    const page = taker.client.snapshotPage(server.address, { digest, page: 0 }, { signal: stop.signal })
    await asked.promise
    stop.abort(new Error('enough'))
    await assert.rejects(page, /enough/)
  })

  for (const [what, heads] of [
    ['more tables than a node has', Array.from({ length: MAX_SNAPSHOTS + 1 }, () => head)],
    ['a cursor that would steer a terminal', [{ ...head, cursor: '\u001b[2J' }]],
    ['a cursor without end', [{ ...head, cursor: 'a'.repeat(129) }]],
    ['no cursor', [{ ...head, cursor: '' }]],
  ] as const)
    it(`refuses ${what}`, async () => {
      await answering('status', channel => channel.send(SnapshotsReply.encode(heads)))
      await assert.rejects(taker.client.snapshots(server.address), { code: 'MALFORMED', remote: false })
    })
})
