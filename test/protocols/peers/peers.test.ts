import assert from 'node:assert/strict'
import { MAX_ASKED_PEERS, PeersAnswer, PeersRequest } from '../../../protocols/peers/messages.ts'
import { PEERS, SPECS } from '../../../protocols/specs.ts'
import { signer } from '../../node/network/addresses/support.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { type TestClient, type TestServer, testPeers } from '../support/peers.ts'
import { greet, hear, say } from '../support/raw.ts'

describe('asking where peers are', () => {
  const peers = testPeers()
  let server: TestServer
  let reader: TestClient
  before(async () => {
    server = await peers.server()
    reader = await peers.client()
  })
  after(() => peers.stop())

  it('gives the records that the peer has', async () => {
    const [one, two] = [await signer(1), await signer(2)]
    const asked: string[][] = []
    const record = await one.says()
    server.node.addresses.records = ids => {
      asked.push([...ids])
      return [record]
    }
    assert.deepEqual(await reader.client.peers(server.address, [one.peerId, two.peerId]), [record])
    assert.deepEqual(asked, [[one.peerId, two.peerId]])
    assert.deepEqual(await reader.client.peers(server.address, [one.peerId]), [record])
  })

  it('is answered in a message that is never too long', async () => {
    const { peerId } = await signer(1)
    server.node.addresses.records = ids => ids.map(() => new Uint8Array(2_048))
    const found = await reader.client.peers(server.address, Array(MAX_ASKED_PEERS).fill(peerId))
    assert.equal(found.length, 255)
    assert.ok(PeersAnswer.encode(found).length <= SPECS.peers.maxResponseBytes)
    const most = PeersRequest.encode(Array(MAX_ASKED_PEERS).fill(peerId))
    assert.ok(most.length <= SPECS.peers.maxRequestBytes)
  })

  it('is refused for more peers than may be named', async () => {
    const raw = await greet(reader.libp2p, server.address, 'peers')
    const { peerId } = await signer(1)
    await say(raw, PeersRequest, Array(MAX_ASKED_PEERS + 1).fill(peerId))
    assert.equal((await raw.refusal()).code, 'MALFORMED')
    assert.throws(() => PeersRequest.encode(['QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN']), /Ed25519/)
  })

  it('is refused, with a time to come back, to those of one address who ask without end', async () => {
    const clock = new VirtualClock()
    const [member, busy] = [await peers.client(), await peers.server({ clock, isMember: isMember })]
    function isMember(peer: string): boolean {
      return peer === member.libp2p.peerId.toString()
    }
    busy.node.addresses.records = () => []
    const { peerId } = await signer(1)
    for (let i = 0; i < PEERS.burst; i++) await reader.client.peers(busy.address, [peerId])
    const other = await peers.client()
    for (const { client } of [reader, other]) {
      await assert.rejects(client.peers(busy.address, [peerId]), {
        code: 'BUSY',
        retryAfterMs: PEERS.retryMs,
      })
    }
    const raw = await greet(other.libp2p, busy.address, 'peers')
    await say(raw, PeersRequest, Array(MAX_ASKED_PEERS + 1).fill(peerId))
    assert.equal((await raw.refusal()).code, 'MALFORMED')
    assert.deepEqual(await member.client.peers(busy.address, [peerId]), [])
    await clock.advance(PEERS.retryMs)
    assert.deepEqual(await reader.client.peers(busy.address, [peerId]), [])
  })

  it('takes no more and no longer records than it asked for', async () => {
    const { peerId } = await signer(1)
    server.node.addresses.records = () => [new Uint8Array(9), new Uint8Array(9)]
    await assert.rejects(reader.client.peers(server.address, [peerId]), { code: 'VIOLATION' })
    server.node.addresses.records = () => [new Uint8Array(2_049)]
    await assert.rejects(reader.client.peers(server.address, [peerId]), { code: 'MALFORMED' })
    const raw = await greet(reader.libp2p, server.address, 'peers')
    server.node.addresses.records = () => []
    await say(raw, PeersRequest, [peerId])
    assert.deepEqual(await hear(raw, PeersAnswer), [])
    raw.abort(new Error('seen enough'))
  })
})
