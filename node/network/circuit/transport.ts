import type {
  ComponentLogger,
  Connection,
  ConnectionLimits,
  CreateListenerOptions,
  DialTransportOptions,
  Listener,
  ListenerEvents,
  MultiaddrConnection,
  PeerId,
  Stream,
  StreamHandler,
  StreamHandlerOptions,
  Transport,
  Upgrader,
} from '@libp2p/interface'
import { TypedEventEmitter, transportSymbol } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../../base/clock.ts'
import { defined } from '../../../base/defined.ts'
import { LruMap } from '../../../base/lru-map.ts'
import {
  CIRCUIT,
  type CircuitEnd,
  CircuitError,
  type CircuitLimit,
  connectThrough,
  peerDeadline,
  receiveCall,
} from '../../../protocols/index.ts'
import { circuitConnection } from './connection.ts'
import { relayOf } from './network.ts'

/** What to listen on: calls over the relays at which there is a reservation. */
export const CIRCUIT_LISTEN = '/p2p-circuit'

/** What libp2p gives a transport. */
interface CircuitComponents {
  connectionManager: {
    openConnection(address: Multiaddr, options: { signal: AbortSignal }): Promise<Connection>
  }
  registrar: {
    handle(protocol: string, handler: StreamHandler, options: StreamHandlerOptions): Promise<void>
    unhandle(protocol: string): Promise<void>
  }
  upgrader: Upgrader
  logger: ComponentLogger
}

/**
 * Connections over relays, wire compatible with circuit relay v2. There is one listener however relays come and go: whoever holds
 * reservations tells it which.
 */
export interface CircuitTransport {
  /** for libp2p's `transports` */
  readonly factory: (components: CircuitComponents) => Transport
  /** The reservations have changed: calls are taken from these connections only, and the addresses announced. */
  update(held: readonly HeldRelay[]): void
  /** A relay, by its PeerId, has granted something. */
  heard(relay: string, answer: { stunPort?: number | undefined }): void
  /** From now on `listener` is told of calls over relays. The result ends that. */
  onCalled(listener: (relay: string, call: RelayCall) => void): () => void
  /** Where the relay has said that its STUN is; undefined when it has not. */
  stunPort(relay: string): number | undefined
  /** Whether the relay has said, with the last circuit between them, that this node and the peer have come to it from one address. */
  isNear(relayed: Pick<Connection, 'remoteAddr' | 'remotePeer'>): boolean
}

/** How a call over a relay went: how long it took until the peer had taken it; `failed`: nobody was reached for a reason of the relay's own, or what was made broke again and again. */
export type RelayCall = { tookMs: number } | 'failed'

export interface HeldRelay {
  connection: Pick<Connection, 'id'>
  /** of this node, over the relay; without its own PeerId */
  addresses: readonly Multiaddr[]
}

export function createCircuitTransport(clock: Clock): CircuitTransport {
  const stunPorts = new LruMap<string, number>(REMEMBERED)
  const heard: CircuitTransport['heard'] = (relay, { stunPort }) => {
    if (stunPort !== undefined) stunPorts.set(relay, stunPort)
  }
  const near = new LruMap<string, boolean>(REMEMBERED)
  const told = new Set<(relay: string, call: RelayCall) => void>()
  const called = (relay: string, call: RelayCall): void => {
    for (const listener of told) listener(relay, call)
  }
  const brokeAt = new LruMap<string, number>(REMEMBERED)
  const state: CircuitState = { clock, held: [], listeners: new Set(), heard, called, near, brokeAt }
  return {
    factory: components => new Circuits(components, state),
    update(held) {
      state.held = held
      for (const listener of state.listeners) listener.announce()
    },
    heard,
    onCalled(listener) {
      told.add(listener)
      return () => void told.delete(listener)
    },
    stunPort: relay => stunPorts.get(relay),
    isNear: ({ remoteAddr, remotePeer }) => near.get(pairOf(relayOf(remoteAddr), remotePeer)) === true,
  }
}

interface CircuitState {
  clock: Clock
  held: readonly HeldRelay[]
  listeners: Set<CircuitListener>
  heard: CircuitTransport['heard']
  called: (relay: string, call: RelayCall) => void
  /** by relay and peer */
  near: LruMap<string, boolean>
  /** when a circuit that was in use broke the last time; monotonic ms, by relay and peer */
  brokeAt: LruMap<string, number>
}

const pairOf = (relay: string | undefined, peer: PeerId): string => `${relay} ${peer}`

/** Relays whose STUN is known, and peers that are near; the longest unused go first. */
const REMEMBERED = 256

/** How long it may take until a connection over a circuit is secured and multiplexed: as long as the circuit's own handshake. */
const UPGRADE_MS = CIRCUIT.handshakeMs

/** A circuit on which nothing has come for longer may have been given to somebody else. */
const IN_USE_MS = 5_000
/** A peer does not end twice in so short a time. */
const BREAKS_AGAIN_MS = 30_000

class Circuits implements Transport {
  readonly [transportSymbol] = true
  readonly [Symbol.toStringTag] = 'floe-circuit'
  readonly #components: CircuitComponents
  readonly #state: CircuitState

  constructor(components: CircuitComponents, state: CircuitState) {
    this.#components = components
    this.#state = state
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const { relay, peer } = partsOf(address)
    const { connectionManager, logger } = this.#components
    const { signal } = options
    const { clock, heard, called, near } = this.#state
    const id = relayOf(relay) ?? ''
    let end: CircuitEnd
    let connection: Connection
    try {
      connection = await connectionManager.openConnection(relay, { signal })
      const calledAt = clock.monotonic()
      end = await connectThrough(connection, peer, { clock, signal })
      called(id, { tookMs: clock.monotonic() - calledAt })
      heard(connection.remotePeer.toString(), end)
      near.set(pairOf(connection.remotePeer.toString(), peer), end.isNear === true)
    } catch (error) {
      if (!signal.aborted && isRelaysFault(error)) called(id, 'failed')
      throw error
    }
    const circuit = circuitConnection(end, address, logger)
    try {
      const made = await options.upgrader.upgradeOutbound(circuit, { ...options, ...limits(end.limit) })
      this.#watch(circuit, connection, pairOf(connection.remotePeer.toString(), peer))
      return made
    } catch (error) {
      // one that alters or cuts what it passes on would be the fastest of all
      if (!signal.aborted) called(id, 'failed')
      circuit.abort(error instanceof Error ? error : new Error('not upgraded', { cause: error }))
      throw error
    }
  }

  /**
   * Circuits to one peer that break while they are used, one after the other though the relay is there, are the relay's failure: one alone
   * may be the peer's end.
   */
  #watch(circuit: MultiaddrConnection, relay: Connection, pair: string): void {
    const { clock, called, brokeAt } = this.#state
    let usedAt: number | undefined
    circuit.addEventListener('message', () => {
      usedAt = clock.monotonic()
    })
    circuit.addEventListener('close', ({ error }) => {
      if (error === undefined || usedAt === undefined || clock.monotonic() - usedAt > IN_USE_MS) return
      // when the connection to the relay is over, its streams may hear of that before it does
      clock.after(0, () => {
        if (relay.status !== 'open') return
        const now = clock.monotonic()
        const lastAt = brokeAt.get(pair)
        brokeAt.set(pair, now)
        if (lastAt !== undefined && now - lastAt < BREAKS_AGAIN_MS)
          called(relay.remotePeer.toString(), 'failed')
      })
    })
  }

  createListener(_: CreateListenerOptions): Listener {
    return new CircuitListener(this.#components, this.#state, this.#onCall)
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter(address => address.toString() === CIRCUIT_LISTEN)
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter(isCircuit)
  }

  #onCall = async (stream: Stream, relay: Connection): Promise<void> => {
    const { clock, held } = this.#state
    const isHeld = held.some(({ connection }) => connection.id === relay.id)
    let end: CircuitEnd | undefined
    try {
      end = await receiveCall(stream, () => isHeld, { clock })
    } catch {
      // the stream was reset, and nobody else waits for it
      return
    }
    if (end === undefined) return
    this.#state.near.set(pairOf(relay.remotePeer.toString(), end.peer), end.isNear === true)
    await this.#receive(end, relay)
  }

  async #receive(end: CircuitEnd, relay: Connection): Promise<void> {
    const { upgrader, logger } = this.#components
    const address = relay.remoteAddr.encapsulate(`${CIRCUIT_LISTEN}/p2p/${end.peer}`)
    const circuit = circuitConnection(end, address, logger)
    using limit = peerDeadline(this.#state.clock, UPGRADE_MS)
    try {
      await upgrader.upgradeInbound(circuit, { signal: limit.signal, ...limits(end.limit) })
    } catch (error) {
      // whoever called hears of it by the end of the circuit
      circuit.abort(error instanceof Error ? error : new Error('not upgraded', { cause: error }))
    }
  }
}

/** Not that the peer is not there, or does not take the call. */
function isRelaysFault(error: unknown): boolean {
  if (!(error instanceof CircuitError)) return true
  if (error.code === 'NO_RESERVATION') return false
  const { status } = (error as CircuitError<'RELAY_REFUSED'>).details
  return status !== 'connection-failed'
}

class CircuitListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #registrar: CircuitComponents['registrar']
  readonly #state: CircuitState
  readonly #onCall: StreamHandler

  constructor({ registrar }: CircuitComponents, state: CircuitState, onCall: StreamHandler) {
    super()
    this.#registrar = registrar
    this.#state = state
    this.#onCall = onCall
  }

  async listen(): Promise<void> {
    this.#state.listeners.add(this)
    await this.#registrar.handle(CIRCUIT.stop, this.#onCall, { maxInboundStreams: CIRCUIT.streams })
    this.announce()
  }

  announce(): void {
    this.safeDispatchEvent('listening')
  }

  getAddrs(): Multiaddr[] {
    return this.#state.held.flatMap(({ addresses }) => [...addresses])
  }

  updateAnnounceAddrs(): void {
    // nothing to add to what the relays told
  }

  async close(): Promise<void> {
    this.#state.listeners.delete(this)
    await this.#registrar.unhandle(CIRCUIT.stop)
    this.safeDispatchEvent('close')
  }
}

/** A relayed address with the PeerIds of both, the relay and whom it leads to. */
function isCircuit(address: Multiaddr): boolean {
  const parts = address.getComponents()
  const at = parts.findIndex(({ name }) => name === 'p2p-circuit')
  return at > 0 && at === parts.length - 2 && parts[at - 1]?.name === 'p2p' && parts.at(-1)?.name === 'p2p'
}

function partsOf(address: Multiaddr): { relay: Multiaddr; peer: PeerId } {
  const [relay = '', peer = ''] = address.toString().split(`${CIRCUIT_LISTEN}/p2p/`)
  return { relay: multiaddr(relay), peer: peerIdFromString(peer) }
}

/** 0 stands for none. */
function limits(limit: CircuitLimit | undefined): { limits?: ConnectionLimits } {
  const { durationSeconds: seconds, dataBytes } = limit ?? {}
  if (!seconds && !dataBytes) return {}
  return {
    limits: defined({ seconds: seconds || undefined, bytes: dataBytes ? BigInt(dataBytes) : undefined }),
  }
}
