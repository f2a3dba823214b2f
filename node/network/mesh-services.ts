import { gossipsub, StrictSign } from '@libp2p/gossipsub'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import type { ObjectId } from '../../codec/types.ts'
import { certifiedTopic } from '../../protocols/index.ts'
import { type KnowsPeer, selectiveIdentify } from './identify.ts'
import { firstSelfQueryMs, GOSSIP } from './limits.ts'

/** The services of a storage node: identify (which the others build on), ping, DHT and gossip of its own network only. */
export function createMeshServices(network: ObjectId, isKnown: KnowsPeer) {
  const topic = certifiedTopic(network)
  return {
    identify: selectiveIdentify(isKnown),
    ping: ping(),
    dht: kadDHT({
      protocol: `/floe/${network}/kad/1.0.0`,
      clientMode: false,
      // the default drops private addresses, which would leave nothing on loopback and in local networks
      peerInfoMapper: passthroughMapper,
      // other queries do not wait for the first self-query: the mesh fills the routing table
      allowQueryWithZeroPeers: true,
      initialQuerySelfInterval: firstSelfQueryMs(),
    }),
    pubsub: gossipsub({
      allowedTopics: [topic],
      globalSignaturePolicy: StrictSign,
      emitSelf: false,
      // a first node alone still publishes, to nobody
      allowPublishToZeroTopicPeers: true,
      fallbackToFloodsub: false,
      ...GOSSIP,
      scoreParams: {
        // many nodes behind one address are normal: devnet, NAT
        IPColocationFactorWeight: 0,
        // scoring does nothing without topics
        topics: {
          [topic]: {
            topicWeight: 1,
            timeInMeshWeight: 0.01,
            timeInMeshQuantum: 1_000,
            timeInMeshCap: 3_600,
            firstMessageDeliveriesWeight: 0.1,
            firstMessageDeliveriesDecay: 0.9,
            firstMessageDeliveriesCap: 100,
            // certificates come in bursts or not at all: no penalty for silence
            meshMessageDeliveriesWeight: 0,
            meshMessageDeliveriesDecay: 0.5,
            meshMessageDeliveriesCap: 100,
            meshMessageDeliveriesThreshold: 1,
            meshMessageDeliveriesWindow: 1_000,
            meshMessageDeliveriesActivation: 60_000,
            meshFailurePenaltyWeight: 0,
            meshFailurePenaltyDecay: 0.5,
            // squared: four rejected messages in a row weigh -16
            invalidMessageDeliveriesWeight: -1,
            invalidMessageDeliveriesDecay: 0.9,
          },
        },
      },
    }),
  }
}
