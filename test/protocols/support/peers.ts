import type { ObjectId } from '../../../codec/types.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import {
  createPeerClient,
  type PeerAddress,
  type PeerClient,
  type ServeProtocolsOptions,
  serveProtocols,
} from '../../../protocols/index.ts'
import { type FakeNode, fakeNode, NETWORK } from './fakes.ts'
import { quietLog, type RecordedMetrics, recordMetrics } from './quiet.ts'

export interface TestServer {
  libp2p: NetworkNode
  node: FakeNode
  address: PeerAddress
  metrics: RecordedMetrics
  /** stops serving; libp2p goes on */
  stop(): Promise<void>
  start(): Promise<void>
}

export interface TestClient {
  libp2p: NetworkNode
  client: PeerClient
}

/** Real libp2p peers over loopback, all stopped by `stop`. */
export interface TestPeers {
  server(options?: ServeProtocolsOptions & { network?: ObjectId }): Promise<TestServer>
  client(options?: { network?: ObjectId }): Promise<TestClient>
  stop(): Promise<void>
}

export function testPeers(): TestPeers {
  const stops: (() => Promise<void> | void)[] = []
  return {
    async server({ network = NETWORK, ...options } = {}) {
      const libp2p = await createNetworkNode({
        listen: ['/ip4/127.0.0.1/tcp/0'],
        network,
        roles: ['storage'],
        log: quietLog,
      })
      stops.unshift(() => libp2p.stop())
      const node = fakeNode()
      const metrics = recordMetrics()
      const server = serveProtocols({ libp2p, log: quietLog, metrics }, { ...node, network }, options)
      await server.start()
      stops.unshift(() => server.stop())
      const address = { peerId: libp2p.peerId.toString(), multiaddrs: libp2p.getMultiaddrs().map(String) }
      return { libp2p, node, address, metrics, stop: () => server.stop(), start: () => server.start() }
    },
    async client({ network = NETWORK } = {}) {
      const libp2p = await createNetworkNode({ network, roles: ['client'], log: quietLog })
      stops.unshift(() => libp2p.stop())
      const client = createPeerClient({ libp2p, log: quietLog, metrics: recordMetrics() }, { network })
      stops.unshift(() => client.close())
      return { libp2p, client }
    },
    async stop() {
      for (const stop of stops.splice(0)) await stop()
    },
  }
}
