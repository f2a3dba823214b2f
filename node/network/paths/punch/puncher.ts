import type { Connection, PeerId } from '@libp2p/interface'
import { raceSignal } from 'race-signal'
import type { Clock } from '../../../../base/clock.ts'
import type { Log } from '../../../../base/log.ts'
import { anySignal } from '../../../../base/wait.ts'
import type { ObjectId } from '../../../../codec/types.ts'
import {
  agreeToPunch,
  ProtocolError,
  type PunchAnswerer,
  type PunchCandidate,
} from '../../../../protocols/index.ts'
import type { KnowsPeer } from '../../identify.ts'
import { allowedCandidates, type CandidateRule, candidatesFor, isSameNetwork } from './candidates.ts'
import { createPunchHistory, type PunchCounts } from './history.ts'
import type { StunAddress } from './observe.ts'
import { openPorts, type PunchPorts } from './own-candidates.ts'
import { type MeetPeerInit, meetPeer, type Upgrading } from './upgrade.ts'

export interface PuncherInit {
  network: ObjectId
  upgrading: Upgrading
  /** STUN over TCP of the relay that a connection goes over, and of others in use, the best first */
  relays: (relayed: Connection) => readonly StunAddress[]
  /** whose punches have a share of their own; everyone's when absent */
  isMember?: KnowsPeer | undefined
  log: Pick<Log, 'debug'>
  clock: Clock
  random: () => number
  /** whether a connection goes over a relay, and which addresses are dialled: a test on one machine has others */
  isRelayed?: (connection: Connection) => boolean
  rule?: CandidateRule
  /** whether the relay says as well that both are in one network; the peer's word is enough when absent */
  isNear?: (relayed: Connection) => boolean
}

/** Makes direct connections beside relayed ones. */
export interface Puncher extends PunchAnswerer {
  /**
   * Meets the peer at the other end of a relayed connection, which this side has dialled; joins one under way. Throws a
   * ProtocolError: BUSY (with a time) after failures, and over a rate; UNREACHABLE; what the peer answered; or the signal's reason.
   */
  punch(relayed: Connection, signal?: AbortSignal): Promise<Connection>
  /** The punch with that peer that is under way; it may fail. */
  underWay(peer: PeerId): Promise<Connection> | undefined
  /** Of that peer, or of this node: what failed before may work now. */
  addressesChanged(peer?: string): void
  /** connections that were made since the start, and tries of this side that came to nothing */
  readonly counts: Readonly<PunchCounts>
  /** Ends what is under way. */
  stop(): Promise<void>
}

interface Attempt {
  readonly role: 'outbound' | 'inbound'
  readonly stop: AbortController
  readonly result: Promise<Connection>
}

export function createPuncher(init: PuncherInit): Puncher {
  return new NodePuncher(init)
}

const isCircuit = ({ remoteAddr }: Connection): boolean =>
  remoteAddr.getComponents().some(({ name }) => name === 'p2p-circuit')

class NodePuncher implements Puncher {
  readonly #init: PuncherInit
  readonly #history: ReturnType<typeof createPunchHistory>
  readonly #attempts = new Map<string, Attempt>()
  readonly #stopped = new AbortController()
  readonly #isRelayed: (connection: Connection) => boolean

  constructor(init: PuncherInit) {
    this.#init = init
    this.#history = createPunchHistory(init.clock)
    this.#isRelayed = init.isRelayed ?? isCircuit
  }

  async punch(relayed: Connection, signal?: AbortSignal): Promise<Connection> {
    signal?.throwIfAborted()
    if (this.#stopped.signal.aborted) throw new ProtocolError('CLOSED')
    const peer = relayed.remotePeer.toString()
    const attempt = this.#attempts.get(peer) ?? this.#begin(relayed, peer)
    return await raceSignal(attempt.result, signal)
  }

  get counts(): Readonly<PunchCounts> {
    return this.#history.counts
  }

  underWay(peer: PeerId): Promise<Connection> | undefined {
    return this.#attempts.get(peer.toString())?.result
  }

  addressesChanged(peer?: string): void {
    this.#history.changed(peer)
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new ProtocolError('CLOSED'))
    await Promise.allSettled([...this.#attempts.values()].map(({ result }) => result))
  }

  async open(offered: readonly PunchCandidate[], relayed: Connection, signal: AbortSignal) {
    const peer = relayed.remotePeer
    if (!this.#isRelayed(relayed) || relayed.direction !== 'inbound')
      throw new ProtocolError('NOT_AUTHORIZED')
    this.#giveWay(peer)
    const { isMember = () => true } = this.#init
    const begunBy = isMember(peer.toString()) ? 'member' : 'stranger'
    if (this.#stopped.signal.aborted || !this.#history.take(peer.toString(), begunBy))
      throw new ProtocolError('BUSY')
    const stop = new AbortController()
    const over = Promise.withResolvers<Connection>()
    const either = anySignal(stop.signal, this.#stopped.signal, signal)
    const attempt = this.#add(peer.toString(), { role: 'inbound', stop, result: over.promise })
    const close = (ports?: PunchPorts, error: unknown = new ProtocolError('CLOSED')): void => {
      ports?.close()
      stop.abort(error)
      over.reject(error)
      this.#remove(peer.toString(), attempt)
    }
    try {
      const { clock } = this.#init
      const ports = await openPorts(this.#init.relays(relayed), { clock, signal: either })
      const isHome = this.#isHome(relayed, offered, ports)
      const theirs = this.#allowed(offered, ports, isHome)
      return {
        candidates: candidatesFor(ports, isHome),
        go: async (roundTripMs: number) => {
          over.resolve(
            await this.#meet({ peer, role: 'inbound', ports, theirs, isHome, roundTripMs, signal: either }),
          )
          this.#history.succeeded(peer.toString())
        },
        close: () => close(ports),
      }
    } catch (error) {
      close(undefined, error)
      throw error
    }
  }

  #begin(relayed: Connection, peer: string): Attempt {
    const retryAfterMs = this.#history.waitMs(peer)
    if (!this.#isRelayed(relayed) || relayed.direction !== 'outbound')
      throw new ProtocolError('NOT_AUTHORIZED')
    if (retryAfterMs > 0) throw new ProtocolError('BUSY', { retryAfterMs })
    if (!this.#history.take(peer, 'us')) throw new ProtocolError('BUSY')
    const stop = new AbortController()
    const signal = anySignal(stop.signal, this.#stopped.signal)
    const result = this.#run(relayed, peer, signal).finally(() => this.#remove(peer, attempt))
    const attempt = this.#add(peer, { role: 'outbound', stop, result })
    return attempt
  }

  async #run(relayed: Connection, peer: string, signal: AbortSignal): Promise<Connection> {
    const startedAt = this.#init.clock.monotonic()
    try {
      const connection = await this.#offer(relayed, signal)
      this.#history.succeeded(peer)
      const ms = Math.round(this.#init.clock.monotonic() - startedAt)
      this.#init.log.debug({ peer, ms, address: connection.remoteAddr.toString() }, 'punched')
      return connection
    } catch (error) {
      // the peer's own punch had the right of way: it is what counts
      const other = this.#attempts.get(peer)
      if (other?.role === 'inbound') return await other.result
      if (!signal.aborted) this.#history.failed(peer)
      this.#init.log.debug({ peer, err: error }, 'not punched')
      throw error
    }
  }

  async #offer(relayed: Connection, signal: AbortSignal): Promise<Connection> {
    const { network, clock, relays } = this.#init
    const ports = await openPorts(relays(relayed), { clock, signal })
    try {
      if (ports.outer.length === 0) throw unreachable('no relay tells this node how it looks from outside')
      const offer = candidatesFor(ports, false)
      const agreement = await agreeToPunch(relayed, offer, { network, clock, signal })
      try {
        const { roundTripMs, candidates } = agreement
        const isHome = this.#isHome(relayed, candidates, ports)
        const theirs = this.#allowed(candidates, ports, isHome)
        if (theirs.length === 0) throw unreachable('the peer has no address that may be dialled')
        await agreement.go()
        await clock.sleep(agreement.roundTripMs / 2, signal)
        const peer = relayed.remotePeer
        const met = await this.#meet({ peer, role: 'outbound', ports, theirs, isHome, roundTripMs, signal })
        void agreement.close()
        return met
      } catch (error) {
        agreement.abort(error)
        throw error
      }
    } finally {
      ports.close()
    }
  }

  /** Whether both are in one network: by the peer's word and the relay's, of whom neither alone can have this node look around at home. */
  #isHome(relayed: Connection, theirs: readonly PunchCandidate[], ports: PunchPorts): boolean {
    const { isNear = () => true } = this.#init
    return isSameNetwork(theirs, ports) && isNear(relayed)
  }

  #allowed(theirs: readonly PunchCandidate[], ports: PunchPorts, isHome: boolean): PunchCandidate[] {
    return allowedCandidates(theirs, ports, { isHome, rule: this.#init.rule })
  }

  #meet(meeting: Omit<MeetPeerInit, 'upgrading' | 'clock' | 'random'>): Promise<Connection> {
    const { clock, random, upgrading } = this.#init
    return meetPeer({ ...meeting, upgrading, clock, random })
  }

  /** Of two that offer to each other in the same moment, the smaller PeerId's offer counts. */
  #giveWay(peer: PeerId): void {
    const own = this.#attempts.get(peer.toString())
    if (own === undefined) return
    if (own.role === 'inbound' || this.#init.upgrading.self.toString() < peer.toString())
      throw new ProtocolError('BUSY')
    own.stop.abort(new ProtocolError('BUSY'))
  }

  #add(peer: string, attempt: Attempt): Attempt {
    attempt.result.catch(() => undefined)
    this.#attempts.set(peer, attempt)
    return attempt
  }

  #remove(peer: string, attempt: Attempt): void {
    if (this.#attempts.get(peer) === attempt) this.#attempts.delete(peer)
  }
}

function unreachable(why: string): ProtocolError {
  return new ProtocolError('UNREACHABLE', { cause: new Error(why) })
}
