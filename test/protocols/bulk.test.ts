import assert from 'node:assert/strict'
import { systemClock } from '../../base/clock.ts'
import { createPathDialer } from '../../node/network/paths/path-dialer.ts'
import { createPeerClient, type Dialer } from '../../protocols/index.ts'
import { CLIENT } from '../../protocols/specs.ts'
import { blobId, metadataOf, NETWORK, primary, sliverBytes } from './support/fakes.ts'
import { testPeers } from './support/peers.ts'
import { quietLog, recordMetrics } from './support/quiet.ts'

describe('what is much to send or fetch', () => {
  const peers = testPeers()
  after(() => peers.stop())

  it('waits for a better connection first, and what is little does not', async () => {
    const { address } = await peers.server()
    const { libp2p } = await peers.client()
    const paths = createPathDialer({ libp2p, clock: systemClock })
    let settled = 0
    const dialer: Dialer = {
      connect: (peer, signal) => paths.connect(peer, signal),
      onBetter: (connection, listener) => paths.onBetter(connection, listener),
      settle: async () => void settled++,
      close: () => paths.close(),
    }
    using client = createPeerClient(
      { dialer, log: quietLog, metrics: recordMetrics(), clock: systemClock },
      { network: NETWORK },
    )
    const store = (bytes: number) => {
      const metadata = metadataOf(blobId(bytes % 256), bytes)
      const header = { metadata, persistence: { kind: 'permanent' as const }, registerDigest: '' }
      return client.store(address, { header, sliver: ref => sliverBytes(metadata, ref) })
    }
    const fetch = async (maxBytes: number) => {
      for await (const _ of client.fetch(address, [{ blobId: blobId(1), ref: primary(0), maxBytes }])) break
    }
    await store(CLIENT.bulkBytes)
    await fetch(CLIENT.bulkBytes)
    assert.equal(settled, 0)
    await store(CLIENT.bulkBytes + 1)
    assert.equal(settled, 1)
    await fetch(CLIENT.bulkBytes + 1)
    assert.equal(settled, 2)
  })
})
