import type { Connection } from '@libp2p/interface'
import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { MAX_REACH_PORTS, type ReachFindings } from '../../../protocols/index.ts'
import type { KnowsPeer } from '../identify.ts'
import type { NetworkNode } from '../libp2p.ts'
import { pathKind } from '../paths/path-kind.ts'

/** Whether others can dial this node: by IPv4 or IPv6, by neither, or nobody could tell yet. */
export type ReachState = 'public' | 'private' | 'unknown'

export interface ReachInit {
  libp2p: Pick<NetworkNode, 'getConnections' | 'getMultiaddrs' | 'addEventListener' | 'removeEventListener'>
  /** Asks the peer at the other end to dial this node back at these ports. */
  ask(connection: Connection, ports: readonly number[], signal: AbortSignal): Promise<ReachFindings>
  /** whose word counts */
  isMember: KnowsPeer
  changed(state: ReachState): void
  clock: Clock
  /** 0 to 1 */
  random: () => number
  log: Log
}

/** Finds out whether others can dial this node, again whenever its own addresses change, and every hour. */
export interface Reach {
  start(): void
  readonly state: ReachState
  stop(): Promise<void>
}

/** Peers asked for each family: one may be wrong, or lie. */
const ASKED = 3
/** Whoever is taken for public calls no relays: one peer alone must not be able to hide a node. */
const LEAST_PUBLIC = 2
const AGAIN_MS = 3_600_000
/** while nobody can tell, doubled up to the longest */
const FIRST_MS = 5_000
const LONGEST_MS = 300_000
/** between two rounds, however often addresses change */
const LEAST_MS = 5_000

export function createReach(init: ReachInit): Reach {
  const { libp2p, ask, isMember, changed, clock, random, log } = init
  const background = new Background(run)
  const changes = new Notify()
  let state: ReachState = 'unknown'
  let asked = ''

  async function run(signal: AbortSignal): Promise<void> {
    let pauseMs = FIRST_MS
    while (!signal.aborted) {
      asked = directAddresses(libp2p).join()
      const found = await round(signal)
      if (signal.aborted) return
      if (found !== state && found !== 'unknown') {
        state = found
        log.info(
          { reach: state },
          state === 'public' ? 'others can dial this node' : 'others cannot dial this node',
        )
        changed(state)
      }
      const isKnown = found !== 'unknown'
      const timer = clock.after(isKnown ? AGAIN_MS : pauseMs, () => changes.notify(), { background: true })
      pauseMs = isKnown ? FIRST_MS : Math.min(2 * pauseMs, LONGEST_MS)
      await clock.sleep(LEAST_MS, signal).catch(() => undefined)
      await changes.wait(signal).catch(() => undefined)
      timer.stop()
    }
  }

  async function round(signal: AbortSignal): Promise<ReachState> {
    const ports = portsOf(directAddresses(libp2p))
    if (ports.length === 0) return 'private'
    const families = await Promise.all(([4, 6] as const).map(family => askOver(family, ports, signal)))
    if (families.includes('public')) return 'public'
    return families.includes('private') ? 'private' : 'unknown'
  }

  /** What most of three say that are reached over this family. */
  async function askOver(family: 4 | 6, ports: readonly number[], signal: AbortSignal): Promise<ReachState> {
    const answers = await Promise.all(
      askable(family).map(connection =>
        ask(connection, ports, signal).catch((err: unknown) => {
          log.debug({ peer: connection.remotePeer.toString(), err }, 'a peer did not dial back')
          return undefined
        }),
      ),
    )
    const told = answers.filter(answer => answer !== undefined)
    if (told.length === 0) return 'unknown'
    const reached = told.filter(answer => answer.reached.includes(true))
    if (2 * reached.length <= told.length) return 'private'
    return reached.length < LEAST_PUBLIC ? 'unknown' : 'public'
  }

  function askable(family: 4 | 6): Connection[] {
    const byPeer = new Map<string, Connection>()
    for (const connection of libp2p.getConnections()) {
      const peer = connection.remotePeer.toString()
      const isOf = connection.status === 'open' && connection.direct && isMember(peer)
      if (isOf && pathKind(connection.remoteAddr).family === family) byPeer.set(peer, connection)
    }
    return [...byPeer.values()]
      .map(connection => ({ connection, order: random() }))
      .sort((a, b) => a.order - b.order)
      .slice(0, ASKED)
      .map(({ connection }) => connection)
  }

  const onUpdate = (): void => {
    if (directAddresses(libp2p).join() !== asked) changes.notify()
  }
  return {
    get state() {
      return state
    },
    start() {
      libp2p.addEventListener('self:peer:update', onUpdate)
      background.start()
    },
    async stop() {
      libp2p.removeEventListener('self:peer:update', onUpdate)
      await background.stop()
    },
  }
}

function directAddresses(libp2p: Pick<NetworkNode, 'getMultiaddrs'>): string[] {
  return libp2p
    .getMultiaddrs()
    .filter(address => !pathKind(address).relayed)
    .map(String)
}

/** TCP ports that are listened on, or forwarded. */
function portsOf(addresses: readonly string[]): number[] {
  const ports = addresses.flatMap(address => /\/tcp\/(\d+)/.exec(address)?.[1] ?? [])
  return [...new Set(ports.map(Number))].slice(0, MAX_REACH_PORTS)
}
