/** A member that anybody may ask to dial back, and that dials others. Its argument: the multiaddr that it listens on, if any. */
import { systemClock } from '../../../base/clock.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { createPathDialer } from '../../../node/network/paths/path-dialer.ts'
import { createReachProber } from '../../../node/network/reach/prober.ts'
import { serveProtocols, toProtocolError } from '../../../protocols/index.ts'
import { fakeNode, NETWORK } from '../../protocols/support/fakes.ts'
import { quietLog, recordMetrics } from '../../protocols/support/quiet.ts'
import { obey } from './obey.ts'

/** What a test asks of a witness. */
export type WitnessOrder =
  | { do: 'address' }
  /** connects to whichever of the addresses answers first, as in a network of the Internet */
  | { do: 'dial'; peer: string; addresses: readonly string[] }

const libp2p = await createNetworkNode({
  network: NETWORK,
  roles: ['storage'],
  listen: process.argv.slice(2),
  isPrivate: false,
  log: quietLog,
  clock: systemClock,
  random: Math.random,
})
const server = serveProtocols(
  { clock: systemClock, libp2p, log: quietLog, metrics: recordMetrics() },
  { ...fakeNode(), reach: createReachProber({ libp2p, clock: systemClock }), network: NETWORK },
)
await server.start()
const dialer = createPathDialer({
  libp2p,
  clock: systemClock,
  own: () => ({ outer: [], isPrivate: false }),
})

obey(async (order: WitnessOrder) => {
  if (order.do === 'address') return { address: `${libp2p.getMultiaddrs()[0]}` }
  const { peer: peerId, addresses: multiaddrs } = order
  const at = await dialer.connect({ peerId, multiaddrs }).then(
    ({ remoteAddr }) => remoteAddr.toString().split('/p2p/')[0],
    error => toProtocolError(error).code,
  )
  await libp2p.hangUp(libp2p.getConnections()[0]?.remotePeer ?? libp2p.peerId)
  return { at }
})
