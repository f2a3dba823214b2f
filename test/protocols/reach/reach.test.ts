import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../base/clock.ts'
import { createReachProber } from '../../../node/network/reach/prober.ts'
import { askReach } from '../../../protocols/index.ts'
import { ReachAnswer, ReachRequest } from '../../../protocols/reach/messages.ts'
import { REACH, SPECS } from '../../../protocols/specs.ts'
import { eventually } from '../support/eventually.ts'
import { NETWORK } from '../support/fakes.ts'
import { type TestServer, testPeers } from '../support/peers.ts'
import { greet, hear, say } from '../support/raw.ts'

describe('asking to be dialled back', () => {
  const peers = testPeers()
  let asker: TestServer
  let asked: TestServer
  let connection: Connection
  beforeEach(async () => {
    asker = await peers.server()
    asked = await peers.server()
    connection = await asker.libp2p.dial(asked.address.multiaddrs.map(text => multiaddr(text)))
    asked.node.reach.probe = createReachProber({ libp2p: asked.libp2p, clock: systemClock }).probe
  })
  afterEach(() => peers.stop())

  const ask = (ports: number[]) => askReach(connection, ports, { network: NETWORK, clock: systemClock })
  const portOf = ({ address }: TestServer) => Number(/tcp\/(\d+)/.exec(address.multiaddrs[0]!)![1])

  it('tells at which ports the peer itself answers, and leaves nothing open', async () => {
    const other = await peers.server()
    // somebody else listens there, nobody there, and a service of the machine may be there
    const ports = [portOf(asker), portOf(other), 1_025, 80]
    assert.deepEqual(await ask(ports), { seen: '127.0.0.1', reached: [true, false, false, false] })
    await eventually(
      () => asked.libp2p.getConnections(asker.libp2p.peerId).length === 1,
      () => `${asked.libp2p.getConnections().length} connections`,
    )
    await eventually(
      () => asked.libp2p.getConnections(other.libp2p.peerId).length === 0,
      () => 'a connection to another peer stays',
    )
  })

  it('knocks at no port that may be a service of whoever shares the address', async () => {
    const dialled: string[] = []
    const transportManager = {
      dialTransportForMultiaddr: () => true,
      dial: async (address: Multiaddr) => {
        dialled.push(address.toString())
        throw new Error('nobody')
      },
    }
    const libp2p = { components: { transportManager } } as never
    const { probe } = createReachProber({ libp2p, clock: systemClock })
    const { peerId } = asker.address
    const question = { peer: peerId, ip: '2001:db8::1', ports: [22, 1_023, 1_024], account: 'a' }
    assert.deepEqual(await probe(question, new AbortController().signal), [false, false, false])
    assert.deepEqual(dialled, [`/ip6/2001:db8::1/tcp/1024/p2p/${peerId}`])
  })

  it('is refused over a relay, and when it is asked too often', async () => {
    await ask([portOf(asker)])
    const [far] = asked.libp2p.getConnections(asker.libp2p.peerId)
    Object.assign(far!, { direct: false })
    await assert.rejects(ask([portOf(asker)]), { code: 'NOT_AUTHORIZED' })
    Object.assign(far!, { direct: true })
    for (let i = 1; i < REACH.burst; i++) await ask([])
    await assert.rejects(ask([portOf(asker)]), { code: 'BUSY', retryAfterMs: REACH.retryMs })
  })

  it('has few ports, and an answer for each', async () => {
    await assert.rejects(ask([1, 2, 3, 4, 5]), { code: 'MALFORMED' })
    asked.node.reach.probe = async () => [true, true]
    await assert.rejects(ask([4_001]), { code: 'VIOLATION' })
    const raw = await greet(asker.libp2p, asked.address, 'reach')
    await say(raw, ReachRequest, [4_001])
    assert.equal((await hear(raw, ReachAnswer)).seen, '127.0.0.1')
    raw.abort(new Error('seen enough'))
    const most = { seen: '2001:db8:0:0:0:0:0:1', reached: [true, true, true, true] }
    assert.ok(ReachAnswer.encode(most).length <= SPECS.reach.maxResponseBytes)
    assert.ok(ReachRequest.encode([1, 2, 3, 4]).length <= SPECS.reach.maxRequestBytes)
  })
})
