import type { Connection, Libp2p } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { createMonth, type MonthCount } from '../../base/month.ts'
import { CIRCUIT, type CircuitReason, STUN } from '../../protocols/index.ts'
import { type Access, type AccessLists, createAccess, type Guest, mayUse } from './access.ts'
import { type Circuit, type Circuits, createCircuits } from './circuits.ts'
import { createHopHandler } from './hop.ts'
import { RELAY, RELAY_LIMITS, RETRY_MS, type RelayLimits } from './limits.ts'
import { createPace } from './pace.ts'
import type { ProxyInit } from './proxy.ts'
import { createReservations, type Reservations } from './reservations.ts'
import { noCounts, type RelayCounts } from './traffic.ts'

export interface RelayInit {
  libp2p: Pick<Libp2p, 'handle' | 'unhandle' | 'getMultiaddrs' | 'addEventListener' | 'removeEventListener'>
  isMember?: (peer: string) => boolean
  /** also while the members are not known yet; `isMember` when absent */
  mayBeMember?: ((peer: string) => boolean) | undefined
  settings?: RelaySettings
  /** what an earlier run counted */
  kept?: { counts: RelayCounts; month: MonthCount } | undefined
  refused?: (reason: CircuitReason) => void
  /** of its STUN, over UDP and TCP: whoever is granted something is told, from STUN.leastPort up */
  stunPort?: number | undefined
  /** bytes of memory that the process has */
  rssBytes?: () => number
  log: Pick<Log, 'debug' | 'info'>
  clock: Clock
}

/** What an operator sets, and may change while the relay runs. */
export interface RelaySettings {
  limits?: Partial<RelayLimits>
  access?: AccessLists
}

/** How a relay is doing. */
export interface RelayView {
  reservations: number
  circuits: number
  /** 0 to 1 */
  load: number
  month: MonthCount
  counts: RelayCounts
  limits: RelayLimits
}

/** A circuit relay v2 server that holds little and cuts nothing. Stop it before its libp2p. */
export interface Relay {
  start(): Promise<void>
  stop(): Promise<void>
  /** Throws AccessError, and leaves everything as it was. */
  configure(settings: RelaySettings): void
  view(): RelayView
  /** Whether who is at the other end may use the relay, by its operator's lists. */
  admits(connection: Connection): boolean
  /** for what is passed on otherwise than by circuits */
  readonly proxied: ProxyInit
}

/** How often circuits are looked at for idle ones. */
const SWEEP_MS = 5_000

export function createRelay(init: RelayInit): Relay {
  const { libp2p, isMember = () => false, kept, clock, log, rssBytes = process.memoryUsage.rss } = init
  const { mayBeMember = isMember } = init
  const counts = kept?.counts ?? noCounts()
  const month = createMonth(kept?.month, clock)
  let limits: RelayLimits = RELAY_LIMITS
  let access: Access = () => true
  let stopping = false
  const reservations: Reservations = createReservations({
    limits: () => limits,
    isMember,
    mayBeMember,
    displaced({ peer, connection }) {
      log.debug({ peer }, 'its reservation went to a member')
      connection.abort(new Error('the place was needed'))
    },
    clock,
  })
  const circuits: Circuits = createCircuits({ limits: () => limits, isMember, clock })
  const pace = createPace(() => limits, clock)

  function closedFor(): { reason: CircuitReason; retryAfterMs: number } | undefined {
    if (stopping) return { reason: 'stopping', retryAfterMs: RETRY_MS.stopping }
    if (rssBytes() > RELAY.fullRssBytes) return { reason: 'memory', retryAfterMs: RETRY_MS.memory }
    if (month.count().bytes < limits.bytesPerMonth) return undefined
    return { reason: 'month', retryAfterMs: month.endsInMs() }
  }

  /** Counts bytes; a month that is used up ends what is open as idle does: whoever sends rests until it is over. */
  function count(target: string, address: string, bytes: number, isOfMembers: boolean): number {
    counts.bytes[isOfMembers ? 'members' : 'strangers'] += bytes
    month.add(bytes)
    const restMs = pace.moved(target, address, bytes)
    return month.count().bytes < limits.bytesPerMonth ? restMs : RELAY.longestRestMs
  }

  function moved(circuit: Circuit, sourceAddress: string, bytes: number): number {
    circuit.bytes += bytes
    const isOfMembers = isMember(circuit.source) || isMember(circuit.target)
    const restMs = count(circuit.target, sourceAddress, bytes, isOfMembers)
    // who rests because the relay says so is not idle
    const isPaced = month.count().bytes < limits.bytesPerMonth
    circuit.lastByteAt = clock.monotonic() + (isPaced ? restMs : 0)
    return restMs
  }

  function refused(reason: CircuitReason): void {
    counts.refused[reason] = (counts.refused[reason] ?? 0) + 1
    init.refused?.(reason)
  }

  const answer = createHopHandler({
    reservations,
    circuits,
    access: () => access,
    isMember,
    addresses: () => libp2p.getMultiaddrs().map(({ bytes }) => bytes),
    closedFor,
    load: pace.load,
    stunPort: (init.stunPort ?? 0) < STUN.leastPort ? undefined : init.stunPort,
    moved,
    paused: () => void counts.pauses++,
    granted: what => void counts[what]++,
    refused,
    clock,
  })
  const onClose = ({ detail }: CustomEvent<Connection>): void => reservations.ended(detail)
  let sweep: { stop(): void } | undefined

  const proxied: ProxyInit = {
    connectionOf: peer => reservations.of(peer)?.connection,
    cameBack: reservations.cameBack,
    mayBeMember,
    closedFor,
    allows(ip) {
      const isAllowed = access('', ip, false)
      if (!isAllowed) refused('denied')
      return isAllowed
    },
    moved: (peer, address, bytes) => count(peer, address, bytes, isMember(peer)),
  }
  const relay: Relay = {
    proxied,
    admits: connection => mayUse(access, connection, isMember),
    async start() {
      libp2p.addEventListener('connection:close', onClose)
      sweep = clock.every(SWEEP_MS, circuits.endIdle)
      await libp2p.handle(CIRCUIT.hop, answer, { maxInboundStreams: CIRCUIT.streams })
    },
    async stop() {
      stopping = true
      await libp2p.unhandle(CIRCUIT.hop)
      sweep?.stop()
      circuits.endAll(new Error('the relay stops'))
      libp2p.removeEventListener('connection:close', onClose)
    },
    configure(settings) {
      access = createAccess(settings.access ?? { allow: [], deny: [] })
      limits = { ...RELAY_LIMITS, ...settings.limits }
      const mayStay = (guest: Guest): boolean => mayUse(access, guest, isMember)
      circuits.endDenied(mayStay)
      reservations.endDenied(mayStay)
    },
    view: () => ({
      reservations: reservations.size,
      circuits: circuits.size,
      load: pace.load(),
      month: month.count(),
      counts: structuredClone(counts),
      limits,
    }),
  }
  relay.configure(init.settings ?? {})
  return relay
}
