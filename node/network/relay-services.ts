import { ping } from '@libp2p/ping'
import { selectiveIdentify } from './identify.ts'
import { PING } from './limits.ts'
import type { ServiceInit } from './service-init.ts'

/** What other libp2p peers ask of a relay before they use it. */
export function createRelayServices(init: ServiceInit) {
  return { identify: selectiveIdentify(init.isMember, init.clock), ping: ping(PING) }
}
