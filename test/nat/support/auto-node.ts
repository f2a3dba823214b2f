/** A node that finds out how others reach it. Its arguments: `upnp` or `no-upnp`, and the multiaddrs of those whom it asks. */
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../base/clock.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { announced } from '../../../node/network/reach/announced.ts'
import { createOwnReach } from '../../../node/storage/presence/own-reach.ts'
import { serveProtocols } from '../../../protocols/index.ts'
import { fakeNode, NETWORK } from '../../protocols/support/fakes.ts'
import { quietLog, recordMetrics } from '../../protocols/support/quiet.ts'
import { obey } from './obey.ts'

/** What a test asks of the node. */
export type AutoNodeOrder =
  /** answered once others have been asked, and at least `reached` addresses are found */
  { do: 'found'; reached: number } | { do: 'stop' }

/** Where others are told that the node is, and whether it wants relays. */
export interface Found {
  peer: string
  announced: string[]
  wantsRelays: boolean
}

const [upnp, ...members] = process.argv.slice(2)
const common = { network: NETWORK, log: quietLog, clock: systemClock, random: Math.random }
const libp2p = await createNetworkNode({ ...common, roles: ['storage'], listen: ['/ip4/0.0.0.0/tcp/4001'] })
const server = serveProtocols({ ...common, libp2p, metrics: recordMetrics() }, { ...common, ...fakeNode() })
await server.start()
let wantsRelays = false
let changed = Promise.withResolvers<void>()
const ownReach = createOwnReach({
  ...common,
  network: { kind: 'custom', systemObjectId: NETWORK } as never,
  libp2p,
  keeper: {
    start() {
      wantsRelays = true
    },
    async stop() {
      wantsRelays = false
    },
    addresses: () => [],
  },
  relays: [],
  isMember: () => true,
  upnp: upnp === 'upnp',
  changed() {
    changed.resolve()
    changed = Promise.withResolvers()
  },
})
for (const member of members) await libp2p.dial(multiaddr(member))
let next = changed.promise
ownReach.start()

obey(async (order: AutoNodeOrder) => {
  if (order.do === 'stop') {
    await ownReach.stop()
    return {}
  }
  do {
    await next
    next = changed.promise
  } while (ownReach.reached.length < order.reached)
  const found: Found = {
    peer: `${libp2p.peerId}`,
    announced: announced(libp2p.getMultiaddrs(), ownReach.reached),
    wantsRelays,
  }
  return found
})
