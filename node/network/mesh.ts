import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Log } from '../../base/log.ts'
import { sleep } from '../../base/wait.ts'
import { deadline, type PeerAddress } from '../../protocols/index.ts'
import type { NetworkNode } from './libp2p.ts'

export interface MeshComponents {
  libp2p: Pick<NetworkNode, 'peerId' | 'getConnections' | 'dial'>
  log: Log
}

export interface MeshOptions {
  /** the storage nodes of the committee, this one among them or not; asked anew each round */
  peers(): Promise<readonly PeerAddress[]>
  /** connections to hold to other storage nodes, inbound ones counted */
  target?: number
}

/** Keeps a storage node connected to others, which gossip and the DHT build on. */
export interface Mesh {
  /** Begins; does not wait for connections. */
  start(): void
  /** Resolves once every other node that was needed has been tried, or the mesh was stopped. */
  settled(): Promise<void>
  stop(): Promise<void>
}

/** gossipsub wants 6 neighbours; as many come in as go out, so that 4 dialled ones end near 8. */
const TARGET = 4
const DIAL_TIMEOUT_MS = 5_000
/** while connections are missing: other nodes may be starting as well */
const IMPATIENT_MS = 2_000
const SETTLED_MS = 60_000

export function createMesh({ libp2p, log }: MeshComponents, { peers, target = TARGET }: MeshOptions): Mesh {
  let stopping = new AbortController()
  let running: Promise<void> = Promise.resolve()
  let firstRound = Promise.withResolvers<void>()

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const missing = await round(signal).catch(error => {
        if (!signal.aborted) log.warn({ err: error }, 'mesh: cannot tell who the other nodes are')
        return target
      })
      firstRound.resolve()
      await sleep(missing > 0 ? IMPATIENT_MS : SETTLED_MS, signal).catch(() => undefined)
    }
  }

  /** Dials until enough are connected; returns how many are missing. */
  async function round(signal: AbortSignal): Promise<number> {
    const candidates = neighbours(libp2p.peerId.toString(), await peers())
    const isConnected = ({ peerId }: PeerAddress): boolean => connectedPeers(libp2p).has(peerId)
    const wanted = Math.min(target, candidates.length)
    for (const [distance, candidate] of candidates.entries()) {
      signal.throwIfAborted()
      // the next in the ring always: with everybody holding on to it, the mesh cannot fall apart
      if (distance > 0 && candidates.filter(isConnected).length >= wanted) break
      if (!isConnected(candidate)) await dial(candidate, signal)
    }
    return wanted - Math.min(wanted, candidates.filter(isConnected).length)
  }

  async function dial({ peerId, multiaddrs }: PeerAddress, signal: AbortSignal): Promise<void> {
    using limit = deadline(DIAL_TIMEOUT_MS, signal)
    try {
      const targets = multiaddrs.map(address => multiaddr(address))
      await libp2p.dial(targets.length > 0 ? targets : peerIdFromString(peerId), { signal: limit.signal })
    } catch (error) {
      log.debug({ peer: peerId, err: error }, 'mesh: not reached')
    }
  }

  return {
    start() {
      stopping = new AbortController()
      firstRound = Promise.withResolvers()
      running = run(stopping.signal)
    },
    settled: () => firstRound.promise,
    async stop() {
      stopping.abort()
      await running
      firstRound.resolve()
    },
  }
}

function connectedPeers(libp2p: MeshComponents['libp2p']): Set<string> {
  const open = libp2p.getConnections().filter(({ status }) => status === 'open')
  return new Set(open.map(({ remotePeer }) => remotePeer.toString()))
}

/**
 * The others, as a ring in order of PeerId seen from `self`: first those at distance 1, 2, 4, 8..., which keep paths
 * short, then the rest.
 */
export function neighbours(self: string, peers: readonly PeerAddress[]): PeerAddress[] {
  const others = peers
    .filter(({ peerId }) => peerId !== self)
    .sort((a, b) => (a.peerId < b.peerId ? -1 : a.peerId > b.peerId ? 1 : 0))
  const first = others.findIndex(({ peerId }) => peerId > self)
  const ring = first < 0 ? others : [...others.slice(first), ...others.slice(0, first)]
  const isPower = (distance: number): boolean => Number.isInteger(Math.log2(distance))
  const fingers = ring.filter((_, i) => isPower(i + 1))
  return [...fingers, ...ring.filter((_, i) => !isPower(i + 1))]
}
