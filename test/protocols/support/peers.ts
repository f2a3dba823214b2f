import { type Clock, systemClock } from '../../../base/clock.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import { createPathDialer } from '../../../node/network/paths/path-dialer.ts'
import {
  type Bandwidth,
  createPeerClient,
  type PeerAddress,
  type PeerClient,
  type ServeProtocolsOptions,
  serveProtocols,
} from '../../../protocols/index.ts'
import { type FakeNode, fakeNode, NETWORK } from './fakes.ts'
import { createHandServer, type HandServer } from './hand-server.ts'
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
  /** `clock`: that of the protocols */
  server(
    options?: ServeProtocolsOptions & { network?: ObjectId; clock?: Clock; bandwidth?: Bandwidth },
  ): Promise<TestServer>
  /** `clock`: that of the requests; dials take as long as ever */
  client(options?: { network?: ObjectId; clock?: Clock; bandwidth?: Bandwidth }): Promise<TestClient>
  /** One that a test has answer. */
  byHand(): Promise<HandServer>
  stop(): Promise<void>
}

export function testPeers(): TestPeers {
  const stops: (() => Promise<void> | void)[] = []
  return {
    async server({ network = NETWORK, clock = systemClock, bandwidth, ...options } = {}) {
      const libp2p = await createNetworkNode({
        clock: systemClock,
        random: Math.random,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        network,
        roles: ['storage'],
        log: quietLog,
      })
      stops.unshift(() => libp2p.stop())
      const node = fakeNode()
      const metrics = recordMetrics()
      const server = serveProtocols(
        { clock, libp2p, bandwidth, log: quietLog, metrics },
        { ...node, network },
        options,
      )
      await server.start()
      stops.unshift(() => server.stop())
      const address = { peerId: libp2p.peerId.toString(), multiaddrs: libp2p.getMultiaddrs().map(String) }
      return { libp2p, node, address, metrics, stop: () => server.stop(), start: () => server.start() }
    },
    async client({ network = NETWORK, clock = systemClock, bandwidth } = {}) {
      const libp2p = await createNetworkNode({
        clock: systemClock,
        random: Math.random,
        network,
        roles: ['client'],
        log: quietLog,
      })
      stops.unshift(() => libp2p.stop())
      const client = createPeerClient(
        {
          clock,
          dialer: createPathDialer({ libp2p, clock: systemClock }),
          bandwidth,
          log: quietLog,
          metrics: recordMetrics(),
        },
        { network },
      )
      stops.unshift(() => client.close())
      return { libp2p, client }
    },
    async byHand() {
      const server = await createHandServer()
      stops.unshift(() => server.stop())
      return server
    },
    async stop() {
      for (const stop of stops.splice(0)) await stop()
    },
  }
}
