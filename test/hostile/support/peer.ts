import { identify } from '@libp2p/identify'
import type { Connection, PrivateKey, Stream, StreamMuxerFactory } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import type { AttackContext, Target } from '../attack.ts'

/** A libp2p peer without the limits of an honest one, which dials from an address of its own. */
export interface HostilePeer {
  readonly libp2p: Libp2p
  /** A new connection, whatever there is already. Rejects when it is refused. */
  connect(): Promise<Connection>
  /** A new stream on a connection that is open, or on a new one. */
  open(protocol: string): Promise<Stream>
  stop(): Promise<void>
}

export interface HostilePeerInit {
  node?: number
  /** multiaddr of whom it dials instead of a node */
  at?: string
  muxer?: StreamMuxerFactory
  privateKey?: PrivateKey | undefined
}

const PATIENCE_MS = 5_000

export async function hostilePeer(
  { target, from, signal }: AttackContext,
  { node = 0, at, muxer, privateKey }: HostilePeerInit = {},
): Promise<HostilePeer> {
  // handed on to `net.connect`, which takes more than the library's type names
  const dialOpts: { noDelay: boolean; localAddress: string } = { noDelay: true, localAddress: from }
  const libp2p = await createLibp2p({
    privateKey,
    services: { identify: identify() },
    transports: [tcp({ dialOpts })],
    connectionEncrypters: [noise()],
    streamMuxers: [() => muxer ?? yamux({ maxOutboundStreams: 100_000, maxInboundStreams: 100_000 })()],
    connectionManager: { maxConnections: 100_000, maxParallelDials: 1_000, maxDialQueueLength: 100_000 },
    connectionMonitor: { enabled: false },
    nodeInfo: { userAgent: 'hostile' },
  })
  const address = at === undefined ? addressOf(target, node) : multiaddr(at)
  const limit = () => AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])
  let last: Connection | undefined
  let connecting: Promise<Connection> | undefined
  /** One for all who want one: each with its own would push out those of the others. */
  const anew = (): Promise<Connection> => {
    connecting ??= peer.connect().finally(() => {
      connecting = undefined
    })
    return connecting
  }
  const peer: HostilePeer = {
    libp2p,
    async connect() {
      last = await libp2p.dial(address, { signal: limit(), force: true })
      return last
    },
    async open(protocol) {
      const connection = last?.status === 'open' ? last : await anew()
      return connection.newStream(protocol, {
        signal: limit(),
        maxOutboundStreams: 100_000,
        negotiateFully: false,
      })
    },
    stop: async () => libp2p.stop(),
  }
  return peer
}

export function addressOf({ nodes }: Target, node = 0): Multiaddr {
  return multiaddr(nodes[node % nodes.length]!.multiaddrs[0])
}

/** Host and port of a node, for those who speak no libp2p. */
export function socketOf(target: Target, node = 0): { host: string; port: number } {
  const [host, port] = addressOf(target, node)
    .getComponents()
    .map(({ value }) => value ?? '')
  return { host: host!, port: Number(port) }
}
