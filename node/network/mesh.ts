import type { Connection } from '@libp2p/interface'
import { raceSignal } from 'race-signal'
import { Background } from '../../base/background.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Dialer, PeerAddress } from '../../protocols/index.ts'
import type { NetworkNode } from './libp2p.ts'

export interface MeshComponents {
  libp2p: Pick<NetworkNode, 'peerId' | 'getConnections'>
  dialer: Pick<Dialer, 'connect'>
  log: Log
  clock: Clock
  /** 0 to 1: nodes that failed in one instant do not return in one */
  random: () => number
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
  /** Whether the mesh is held together by the connection to that peer, when there is one; of all until it is known who they are. */
  needs(peerId: string): boolean
  /** A peer has other addresses: it is worth a try at once. */
  moved(peerId: string): void
  stop(): Promise<void>
}

/** gossipsub wants 6 neighbours; as many come in as go out, so that 4 dialled ones end near 8. */
const TARGET = 4
/** while connections are missing: other nodes may be starting as well */
const IMPATIENT_MS = 2_000
/** The same peer again: twice as late each time that it is not reached. */
const LONGEST_PAUSE_MS = 600_000
const SETTLED_MS = 60_000

export function createMesh(
  { libp2p, dialer, log, clock, random }: MeshComponents,
  { peers, target = TARGET }: MeshOptions,
): Mesh {
  const background = new Background(run)
  let firstRound = Promise.withResolvers<void>()
  /** of the committee's peers that were not reached: when they are tried again */
  const pauses = new Map<string, { until: number; ms: number }>()
  let needed: Set<string> | undefined

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const missing = await round(signal).catch(error => {
        if (!signal.aborted) log.warn({ err: error }, 'mesh: cannot tell who the other nodes are')
        return target
      })
      firstRound.resolve()
      await clock.sleep(missing > 0 ? IMPATIENT_MS : SETTLED_MS, signal).catch(() => undefined)
    }
  }

  /** Dials until enough are connected; returns how many are missing. */
  async function round(signal: AbortSignal): Promise<number> {
    const candidates = neighbours(libp2p.peerId.toString(), await raceSignal(peers(), signal))
    forgetOthers(candidates)
    const isConnected = ({ peerId }: PeerAddress): boolean => connectedPeers(libp2p).has(peerId)
    const wanted = Math.min(target, candidates.length)
    for (const [distance, candidate] of candidates.entries()) {
      signal.throwIfAborted()
      // the next in the ring always: with everybody holding on to it, the mesh cannot fall apart
      if (distance > 0 && candidates.filter(isConnected).length >= wanted) break
      if (isConnected(candidate)) pauses.delete(candidate.peerId)
      else if (!isPausing(candidate.peerId)) await dial(candidate, signal)
    }
    for (const candidate of candidates) if (isRelayed(candidate)) lookForBetter(candidate, signal)
    const first = candidates.filter((one, distance) => distance === 0 || isConnected(one)).slice(0, wanted)
    needed = new Set(first.map(({ peerId }) => peerId))
    return wanted - Math.min(wanted, candidates.filter(isConnected).length)
  }

  /** Whether all connections to it go over relays. */
  function isRelayed({ peerId }: PeerAddress): boolean {
    const open = connections(libp2p).filter(({ remotePeer }) => remotePeer.toString() === peerId)
    return open.length > 0 && open.every(({ direct }) => !direct)
  }

  /** Gossip alone asks for no connection: whoever could not be met directly is tried again when its time has come. */
  function lookForBetter(peer: PeerAddress, signal: AbortSignal): void {
    dialer.connect(peer, signal).catch(() => undefined)
  }

  async function dial(peer: PeerAddress, signal: AbortSignal): Promise<void> {
    const { peerId } = peer
    try {
      await dialer.connect(peer, signal)
      pauses.delete(peerId)
    } catch (error) {
      if (signal.aborted) return
      const ms = Math.min(2 * (pauses.get(peerId)?.ms ?? IMPATIENT_MS / 2), LONGEST_PAUSE_MS)
      // up to a quarter less, so that two that dial each other do not keep missing
      pauses.set(peerId, { ms, until: clock.monotonic() + ms * (1 - random() / 4) })
      log.debug({ peer: peerId, err: error, againMs: ms }, 'mesh: not reached')
    }
  }

  const isPausing = (peerId: string): boolean => (pauses.get(peerId)?.until ?? 0) > clock.monotonic()

  function forgetOthers(candidates: readonly PeerAddress[]): void {
    const ids = new Set(candidates.map(({ peerId }) => peerId))
    for (const peerId of pauses.keys()) if (!ids.has(peerId)) pauses.delete(peerId)
  }

  return {
    start() {
      firstRound = Promise.withResolvers()
      background.start()
    },
    settled: () => firstRound.promise,
    needs: peerId => needed?.has(peerId) ?? true,
    moved: peerId => void pauses.delete(peerId),
    stop: () => background.stop(),
  }
}

function connectedPeers(libp2p: MeshComponents['libp2p']): Set<string> {
  return new Set(connections(libp2p).map(({ remotePeer }) => remotePeer.toString()))
}

function connections(libp2p: MeshComponents['libp2p']): Connection[] {
  return libp2p.getConnections().filter(({ status }) => status === 'open')
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
