import type { ObjectId } from '../../codec/types.ts'
import { memberDht } from './member-dht.ts'
import { memberGossip } from './member-gossip.ts'
import { createRelayServices } from './relay-services.ts'
import type { ServiceInit } from './service-init.ts'

/** The services of a storage node: identify (which the others build on), ping, DHT and gossip of its own network only. */
export function createMeshServices(network: ObjectId, init: ServiceInit) {
  return {
    ...createRelayServices(init),
    dht: memberDht(network, init),
    pubsub: memberGossip(network, init),
  }
}
