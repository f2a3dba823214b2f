import type { Connection } from '@libp2p/interface'
import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import type { ReachFindings } from '../../../protocols/index.ts'
import type { KnowsPeer } from '../identify.ts'
import type { NetworkNode } from '../libp2p.ts'
import type { ReachedAddress } from './announced.ts'
import { createAsking, directAddresses, type Findings } from './asking.ts'
import type { MappedPort } from './port-mapping.ts'
import type { CallRelays } from './relay-calls.ts'

/** Whether others can dial this node: by IPv4 or IPv6, by neither, or nobody could tell yet. */
export type ReachState = 'public' | 'private' | 'unknown'

export interface ReachInit {
  libp2p: Pick<NetworkNode, 'getConnections' | 'getMultiaddrs' | 'addEventListener' | 'removeEventListener'>
  /** Asks the peer at the other end to dial this node back at these ports. */
  ask(connection: Connection, ports: readonly number[], signal: AbortSignal): Promise<ReachFindings>
  /** whose word counts */
  isMember: KnowsPeer
  /** relays, whose word counts as well: asked where fewer members are connected */
  callRelays: CallRelays
  /** `state` or `reached` is another one. */
  changed(reach: Pick<Reach, 'state' | 'reached'>): void
  /** ports of routers that pass on what comes, by their word: others are asked to try them as well; none when absent */
  mapped?: () => readonly MappedPort[]
  clock: Clock
  /** 0 to 1 */
  random: () => number
  log: Log
}

/** Finds out whether others can dial this node, and where, again whenever its own addresses or its router's ports change, and every hour. */
export interface Reach {
  start(): void
  readonly state: ReachState
  /** IP addresses and ports, as multiaddrs, at which most of those who were asked have found this node */
  readonly reached: readonly ReachedAddress[]
  /** What routers pass on has changed. */
  mappingChanged(): void
  stop(): Promise<void>
}

const AGAIN_MS = 3_600_000
/** while nobody can tell, doubled up to the longest */
const FIRST_MS = 5_000
const LONGEST_MS = 300_000
/** while too few say that a public node is private, as when others are busy */
const DOUBTFUL_MS = 300_000
/** between two rounds, however often addresses change */
const LEAST_MS = 5_000

export function createReach(init: ReachInit): Reach {
  const { libp2p, changed, clock, log } = init
  const background = new Background(run)
  const changes = new Notify()
  const askAll = createAsking(init)
  let state: ReachState = 'unknown'
  let reached: readonly ReachedAddress[] = []
  let asked = ''

  async function run(signal: AbortSignal): Promise<void> {
    let pauseMs = FIRST_MS
    while (!signal.aborted) {
      asked = directAddresses(libp2p).join()
      const found = await askAll({ state, reached }, signal)
      if (signal.aborted) return
      if (!found.isDoubtful) take(found)
      const isKnown = found.state !== 'unknown'
      const knownMs = found.isDoubtful ? DOUBTFUL_MS : AGAIN_MS
      const timer = clock.after(isKnown ? knownMs : pauseMs, () => changes.notify(), { background: true })
      pauseMs = isKnown ? FIRST_MS : Math.min(2 * pauseMs, LONGEST_MS)
      await clock.sleep(LEAST_MS, signal).catch(() => undefined)
      await changes.wait(signal).catch(() => undefined)
      timer.stop()
    }
  }

  function take(found: Findings): void {
    const before = textOf(reached)
    if (found.state === 'unknown' || (found.state === state && textOf(found.reached) === before)) return
    state = found.state
    reached = found.reached
    const text = state === 'public' ? 'others can dial this node' : 'others cannot dial this node'
    log.info({ reach: state, at: reached }, text)
    changed({ state, reached })
  }

  const onUpdate = (): void => {
    if (directAddresses(libp2p).join() !== asked) changes.notify()
  }
  return {
    get state() {
      return state
    },
    get reached() {
      return reached
    },
    mappingChanged: () => changes.notify(),
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

const textOf = (reached: readonly ReachedAddress[]): string =>
  reached.map(({ address, mapped }) => `${address} ${mapped}`).join()
