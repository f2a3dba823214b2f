import assert from 'node:assert/strict'
import { systemClock } from '../../../../base/clock.ts'
import { createPathDialer } from '../../../../node/network/paths/path-dialer.ts'
import { SPECS } from '../../../../protocols/specs.ts'
import { INFO } from '../../../protocols/support/fakes.ts'
import { testPeers } from '../../../protocols/support/peers.ts'

describe('a connection that was dialled over a path', () => {
  const peers = testPeers()
  afterEach(() => peers.stop())

  it("stays when the dialer is closed, and is libp2p's own", async () => {
    const server = await peers.server()
    const { libp2p } = await peers.client()
    const dialer = createPathDialer({ libp2p, clock: systemClock })
    const multiaddrs = ['/ip4/127.0.0.1/tcp/1', ...server.address.multiaddrs]
    const connection = await dialer.connect({ ...server.address, multiaddrs })
    dialer.close()
    assert.deepEqual(libp2p.getConnections(), [connection])
    const stream = await connection.newStream(SPECS.status.id)
    stream.abort(new Error('seen enough'))
  })

  it('is there for one who comes in the moment in which the only other one gives up', async () => {
    const { address } = await peers.server()
    const { libp2p } = await peers.client()
    // each turn of the microtask queue is another state of the dial
    for (let turns = 0; turns < 12; turns++) {
      const dialer = createPathDialer({ libp2p, clock: systemClock })
      const giving = new AbortController()
      const first = assert.rejects(dialer.connect(address, giving.signal), /gives up/)
      await systemClock.sleep(0)
      giving.abort(new Error('gives up'))
      for (let left = turns; left > 0; left--) await undefined
      const connection = await dialer.connect(address)
      await first
      await connection.close()
      dialer.close()
    }
  })

  it('carries streams, of which idle ones end with a better connection to the peer', async () => {
    const server = await peers.server()
    const { libp2p, client } = await peers.client()
    const statusStreams = () =>
      libp2p
        .getConnections()
        .map(({ streams }) => streams.filter(one => one.protocol.includes('status')).length)
    assert.deepEqual(await client.nodeInfo(server.address), INFO)
    const [first] = libp2p.getConnections()
    // as if a relay were between them, until the second one comes
    Object.assign(first!, { direct: false })
    const other = createPathDialer({
      libp2p: Object.assign(Object.create(libp2p), { getConnections: () => [] }),
      clock: systemClock,
    })
    const second = await other.connect(server.address)
    assert.notEqual(second, first)
    assert.deepEqual(statusStreams(), [1, 0])
    assert.deepEqual(await client.nodeInfo(server.address), INFO)
    assert.deepEqual(statusStreams(), [0, 1])
  })
})
