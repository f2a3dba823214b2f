import { ping } from '@libp2p/ping'
import type { ObjectId } from '../../codec/types.ts'
import { selectiveIdentify } from './identify.ts'
import { PING } from './limits.ts'
import { memberDht } from './member-dht.ts'
import { memberGossip } from './member-gossip.ts'
import type { ServiceInit } from './service-init.ts'

/** What other libp2p peers ask of a relay before they use it. */
export function createRelayServices(init: ServiceInit) {
  return { identify: selectiveIdentify(init.isMember, init.clock), ping: ping(PING) }
}

/** The services of a storage node: identify (which the others build on), ping, DHT and gossip of its own network only. */
export function createMeshServices(network: ObjectId, init: ServiceInit) {
  return {
    ...createRelayServices(init),
    dht: memberDht(network, init),
    pubsub: memberGossip(network, init),
  }
}
