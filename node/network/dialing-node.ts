import type { Libp2p, Transport } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { createLibp2p } from 'libp2p'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { boundedYamux } from './bounded-yamux.ts'
import { CONNECTIONS, OBSERVED_ADDRESSES, PEER_STORE } from './limits.ts'
import { quietLogger } from './quiet-logger.ts'

/** A libp2p node that dials by the given transports and is reached by nobody, started. `stop()` it. */
export async function createDialingNode(
  transports: ((components: never) => Transport)[],
  { log, clock }: { log: Log; clock: Clock },
): Promise<Libp2p> {
  const muxer = boundedYamux(reason => log.debug({ reason }, 'a peer was cut off'), clock)
  return await createLibp2p({
    addresses: { listen: [], ...OBSERVED_ADDRESSES },
    transports: transports as ((components: unknown) => Transport)[],
    connectionEncrypters: [noise()],
    streamMuxers: [muxer.factory],
    connectionManager: CONNECTIONS,
    // which addresses of the network's nodes are dialled is their committee's word, not the library's for pages
    connectionGater: { denyDialMultiaddr: () => false },
    // a request notices a dead peer by its time limit
    connectionMonitor: { enabled: false },
    peerStore: PEER_STORE,
    nodeInfo: { userAgent: 'floe' },
    ...quietLogger({}),
  })
}
