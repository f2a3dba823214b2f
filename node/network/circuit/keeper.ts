import type { Connection, Libp2p } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { waitFor } from '../../../base/wait.ts'
import { CircuitError, peerDeadline, reserveAt } from '../../../protocols/index.ts'
import {
  addKnown,
  addressesOver,
  type Candidate,
  isForgettable,
  isHopeless,
  newCandidate,
} from './candidate.ts'
import { relayOf } from './network.ts'
import { planRelays } from './plan.ts'
import { createRelayScores, type RelayScores } from './relay-scores.ts'
import type { CircuitTransport } from './transport.ts'

export interface RelayKeeperInit {
  libp2p: Pick<Libp2p, 'peerId' | 'dial' | 'addEventListener' | 'removeEventListener'>
  transport: Pick<CircuitTransport, 'update' | 'heard'>
  /** how relays have been; those of this keeper's own when absent */
  scores?: RelayScores
  /** multiaddrs with PeerIds; more may come by `learn` */
  relays: readonly string[]
  /** reservations to hold */
  wanted?: number
  log: Pick<Log, 'debug' | 'info' | 'warn'>
  clock: Clock
  random: () => number
}

/** How a node stands with a relay. */
export interface RelayStanding {
  peerId: string
  address: string
  state: 'held' | 'asking' | 'waiting'
  /** one of those that are meant to stay */
  chosen: boolean
  latencyMs?: number | undefined
  /** of the relay's bytes per second, 0 to 1 */
  load?: number | undefined
  /** the lower the better, by all that was seen of it */
  score?: number | undefined
  /** why it was not granted, the last time */
  reason?: string | undefined
  /** when it is asked again */
  retryInMs?: number | undefined
}

/** Keeps a node's reservations on relays: through restarts of either side, changes of network, and refusals. */
export interface RelayKeeper {
  start(): void
  /** Resolves once the first reservation is there, or the keeper was stopped. */
  settled(): Promise<void>
  /** Others use these relays, by their addresses; more are known than are ever asked at a time. */
  learn(relays: readonly string[]): void
  standings(): RelayStanding[]
  /** Where relays are, at all addresses that are known: those with a reservation first. */
  addresses(): string[]
  /** Whether the connection is that to a relay on which there is a reservation. */
  holds(connection: Pick<Connection, 'id'>): boolean
  stop(): Promise<void>
}

const WANTED = 2
/** What a node remembers: a network's relays, and what others say of theirs. */
const MAX_RELAYS = 64
/** A relay that is meant to stay is asked so often at least: its return is noticed within 5 s. */
const CHOSEN_RETRY_MS = 4_000
const RETRY_MS = 60_000
const FIRST_RETRY_MS = 500
/** A relay may say when to come back, but not that it is never. */
const MAX_REFUSAL_MS = 3_600_000
/** Another one is tried so often, to see whether it is better. */
const PROBE_MS = 5 * 60_000
const ASK_MS = 10_000
/** Nothing is due: looked at again, as something may have been overlooked. */
const LOOK_MS = 1_000

export function createRelayKeeper(init: RelayKeeperInit): RelayKeeper {
  return new Keeper(init)
}

class Keeper implements RelayKeeper {
  readonly #init: RelayKeeperInit
  readonly #relays = new Map<string, Candidate>()
  readonly #scores: RelayScores
  readonly #background: Background
  readonly #asks = new Set<Promise<void>>()
  readonly #closing = new Set<Promise<void>>()
  readonly #first = Promise.withResolvers<void>()
  #wake: () => void = () => undefined
  #probeAt: number

  constructor(init: RelayKeeperInit) {
    this.#init = init
    this.#background = new Background(signal => this.#run(signal))
    this.#scores = init.scores ?? createRelayScores(init)
    this.#probeAt = init.clock.monotonic() + PROBE_MS
    this.#add(init.relays, false)
  }

  start(): void {
    this.#init.libp2p.addEventListener('connection:close', this.#onClose)
    this.#background.start()
  }

  settled(): Promise<void> {
    return this.#first.promise
  }

  learn(relays: readonly string[]): void {
    this.#add(relays, true)
    this.#wake()
  }

  standings(): RelayStanding[] {
    const now = this.#init.clock.monotonic()
    return [...this.#relays.values()].map(relay => ({
      peerId: relay.id,
      address: relay.known[0]!.toString(),
      state: relay.held !== undefined ? 'held' : relay.asking ? 'asking' : 'waiting',
      chosen: relay.chosen,
      latencyMs: relay.latencyMs,
      load: relay.load,
      score: this.#scores.of(relay.id),
      reason: relay.reason,
      retryInMs: relay.held === undefined ? Math.max(0, relay.notBefore - now) : undefined,
    }))
  }

  addresses(): string[] {
    const isHeld = ({ held }: Candidate): boolean => held !== undefined
    return [...this.#relays.values()]
      .sort((a, b) => Number(isHeld(b)) - Number(isHeld(a)))
      .flatMap(({ known }) => known.map(String))
  }

  holds({ id }: Pick<Connection, 'id'>): boolean {
    return [...this.#relays.values()].some(
      ({ held, connection }) => held !== undefined && connection?.id === id,
    )
  }

  async stop(): Promise<void> {
    this.#init.libp2p.removeEventListener('connection:close', this.#onClose)
    await this.#background.stop()
    await Promise.all(this.#asks)
    this.#first.resolve()
    const given = [...this.#relays.values()].map(relay => this.#giveBack(relay))
    this.#init.transport.update([])
    await Promise.all([...given, ...this.#closing])
  }

  #add(relays: readonly string[], isHearsay: boolean): void {
    for (const text of relays) {
      const address = multiaddr(text)
      const id = relayOf(address)
      if (id === undefined || id === this.#init.libp2p.peerId.toString()) continue
      const known = this.#relays.get(id)
      // where a relay is, its operator has said; what others say is for those of whom there is nothing better
      if (known === undefined) this.#addNew(newCandidate(id, address, isHearsay))
      else if (known.isHearsay || !isHearsay) addKnown(known, address)
    }
  }

  #addNew(relay: Candidate): void {
    if (this.#relays.size >= MAX_RELAYS) {
      const worst = [...this.#relays.values()]
        .filter(isForgettable)
        .sort((a, b) => b.failures - a.failures)
        .at(0)
      if (worst === undefined) return
      this.#relays.delete(worst.id)
    }
    this.#relays.set(relay.id, relay)
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#round(signal)
      await this.#rest(signal).catch(() => undefined)
    }
  }

  #round(signal: AbortSignal): void {
    const now = this.#init.clock.monotonic()
    const relays = [...this.#relays.values()]
    for (const relay of relays) relay.score = this.#scores.of(relay.id)
    const plan = planRelays(relays, this.#init.wanted ?? WANTED, now)
    const asked = new Set(plan.ask as Candidate[])
    for (const relay of relays) {
      if (relay.held === undefined) continue
      if (relay.expiresAt <= now) this.#lose(relay)
      else if (relay.renewAt <= now) asked.add(relay)
    }
    if (this.#probeAt <= now) {
      this.#probeAt = now + PROBE_MS
      const others = relays.filter(one => !one.chosen && !one.asking && one.notBefore <= now)
      const probed = others[Math.floor(this.#init.random() * others.length)]
      if (probed !== undefined) asked.add(probed)
    }
    for (const relay of asked) if (!relay.asking) this.#ask(relay, signal)
    for (const relay of plan.release as Candidate[]) {
      const given = this.#giveBack(relay).finally(() => this.#closing.delete(given))
      this.#closing.add(given)
      this.#announce()
    }
  }

  /** Until something has changed, or the next is due. */
  #rest(signal: AbortSignal): Promise<void> {
    return waitFor(resolve => {
      const timer = this.#init.clock.after(LOOK_MS, resolve, { background: true })
      this.#wake = resolve
      return () => timer.stop()
    }, signal)
  }

  #ask(relay: Candidate, signal: AbortSignal): void {
    relay.asking = true
    const asked = this.#reserve(relay, signal)
      .catch(error => this.#failed(relay, error, signal))
      .finally(() => {
        relay.asking = false
        if (isHopeless(relay)) this.#relays.delete(relay.id)
        this.#asks.delete(asked)
        this.#wake()
      })
    this.#asks.add(asked)
  }

  async #reserve(relay: Candidate, signal: AbortSignal): Promise<void> {
    const { libp2p, transport, clock, random, log } = this.#init
    using limit = peerDeadline(clock, ASK_MS, signal)
    const connection = await libp2p.dial(relay.known, { signal: limit.signal })
    const askedAt = clock.monotonic()
    const answer = await reserveAt(connection, { clock, signal: limit.signal })
    const { reservation, loadPermille } = answer
    transport.heard(relay.id, answer)
    const now = clock.monotonic()
    relay.latencyMs = now - askedAt
    relay.load = loadPermille === undefined ? undefined : loadPermille / 1000
    this.#scores.reserved(relay.id, { latencyMs: relay.latencyMs, load: relay.load })
    relay.failures = 0
    relay.reason = undefined
    if (connection.status !== 'open') throw new Error('the connection to the relay was lost')
    const expiresInMs = reservation!.expiresAtSeconds * 1000 - clock.now()
    // a relay whose clock is wrong is asked again now and then, and not all the time; two of them not at one time
    const holdsMs = Math.max(2 * RETRY_MS, expiresInMs)
    relay.expiresAt = now + holdsMs
    relay.renewAt = now + holdsMs * (0.4 + 0.2 * random())
    relay.addresses = addressesOver(relay, connection, reservation!.addresses)
    const isNew = relay.held === undefined
    relay.connection = connection
    relay.held ??= { since: now }
    relay.goneAt = undefined
    this.#announce()
    this.#first.resolve()
    if (isNew) log.info({ relay: relay.id, latencyMs: Math.round(relay.latencyMs) }, 'reachable over a relay')
  }

  #failed(relay: Candidate, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return
    const { clock, random, log } = this.#init
    relay.failures++
    this.#scores.failed(relay.id)
    const refusal = error instanceof CircuitError && error.code === 'RELAY_REFUSED' ? error : undefined
    const details = refusal?.details as
      | { reason?: string; status?: string; retryAfterMs?: number }
      | undefined
    relay.reason = details?.reason ?? details?.status ?? 'unreachable'
    const longest = relay.chosen ? CHOSEN_RETRY_MS : RETRY_MS
    const pause = Math.min(FIRST_RETRY_MS * 2 ** (relay.failures - 1), longest)
    const told = Math.min(details?.retryAfterMs ?? 0, MAX_REFUSAL_MS)
    const pauseMs = Math.max(told, pause * (1 - random() / 2))
    relay.notBefore = clock.monotonic() + pauseMs
    // what could not be renewed holds as long as it was granted for, and its connection is there
    if (relay.held !== undefined) relay.renewAt = relay.notBefore
    log.debug({ relay: relay.id, reason: relay.reason, err: error }, 'no reservation')
  }

  #onClose = ({ detail }: CustomEvent<Connection>): void => {
    for (const relay of this.#relays.values()) {
      if (relay.held === undefined || relay.connection?.id !== detail.id) continue
      relay.notBefore = this.#init.clock.monotonic()
      this.#lose(relay)
      this.#init.log.info({ relay: relay.id }, 'a relay was lost')
    }
  }

  #lose(relay: Candidate): void {
    relay.held = undefined
    relay.connection = undefined
    relay.goneAt ??= this.#init.clock.monotonic()
    this.#announce()
    this.#wake()
  }

  /** Resolves once its connection is closed. A peer that is called over it right now keeps it; else the relay has the place for others. */
  async #giveBack(relay: Candidate): Promise<void> {
    const { connection } = relay
    relay.held = undefined
    relay.connection = undefined
    relay.goneAt = undefined
    if (connection?.streams.length === 0) await connection.close().catch(error => connection.abort(error))
  }

  #announce(): void {
    const held = [...this.#relays.values()].flatMap(({ connection, held, addresses }) =>
      connection === undefined || held === undefined ? [] : [{ connection, addresses }],
    )
    this.#init.transport.update(held)
  }
}
