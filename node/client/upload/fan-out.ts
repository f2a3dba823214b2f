import { raceSignal } from 'race-signal'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { Timer } from '../../../base/timers.ts'
import { anySignal } from '../../../base/wait.ts'
import type { Committee, CommitteeMember } from '../../../chain/types/index.ts'
import { type Bls, isQuorum, quorumWeight, shardOfPair } from '../../../codec/index.ts'
import type { Certificate, SliverRef } from '../../../codec/types.ts'
import {
  encodeStoreRequest,
  type OutgoingSliver,
  type PeerClient,
  ProtocolError,
  type ProtocolErrorCode,
} from '../../../protocols/index.ts'
import type { StoreHeader } from '../../../protocols/ports.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { Accuse } from '../accuse.ts'
import { isRelayed } from '../relayed.ts'
import { ConfirmationSet } from './confirmation-set.ts'
import type { Encoding } from './encoding.ts'
import { type Admission, createQuorumGate, type QuorumGate } from './quorum-gate.ts'
import { createRetries, type Retries } from './retries.ts'

export interface FanOutComponents {
  peers: Pick<PeerClient, 'store'>
  book: PeerBook
  accuse: Accuse
  /** called when the first member has been given its slivers */
  bls: () => Promise<Bls>
  clock: Clock
  log: Log
}

export interface FanOutResult {
  /** absent when too little weight confirmed */
  certificate: Certificate | undefined
  confirmedShards: number
  /** some node is already in another epoch: read the committee again and send again */
  epochChanged: boolean
  /** why members did not confirm: one error each */
  refusals: Error[]
}

/** As the chain may have moved on. */
const DOUBTFUL: ReadonlySet<ProtocolErrorCode> = new Set([
  'BLOB_GONE',
  'EPOCH_CHANGED',
  'NOT_IN_COMMITTEE',
  'NOT_REGISTERED',
])
/** The node, or the line to it, is down: others are asked before it for a while. */
const AWAY: ReadonlySet<ProtocolErrorCode> = new Set([
  'CONNECTION_LOST',
  'PATH_LOST',
  'TIMEOUT',
  'UNREACHABLE',
])
/** How long confirmations are still counted, for the message, once a quorum has become impossible. */
const HOPELESS_MS = 500
/**
 * Up to this, connections and signatures are most of the work, not bytes: members outside the first quorum are not even
 * asked before the blob is certified, somebody fails, or time is up.
 */
export const SMALL_BLOB_BYTES = 1024 * 1024
/** How long they wait at most: not noticed by those who wait for a slow member of the first quorum. */
const SMALL_HOLD_MS = 300
/** The same for larger blobs, of which only the slivers wait; well under the time after which nodes would hang up. */
const HOLD_MS = 3_000

/** Members in their order, up to the first that make a quorum. */
export function firstQuorum(
  members: readonly CommitteeMember[],
  nShards: number,
): readonly CommitteeMember[] {
  let weight = 0
  const last = members.findIndex(({ shards }) => {
    weight += shards.length
    return isQuorum(weight, nShards)
  })
  return last < 0 ? members : members.slice(0, last + 1)
}

export interface FanOutInput {
  committee: Committee
  /** the members that keep shards, in the order in which they are to be served */
  order: readonly CommitteeMember[]
  header: StoreHeader
  encoded: Pick<Encoding, 'sliver'>
  onConfirmed?: (confirmedShards: number) => void
  /** some node does not know the registration, or is in another epoch */
  onDoubt?: () => void
  /** ends all of it */
  signal: AbortSignal
}

/** Sends a blob's slivers to the members, a quorum first, and collects their confirmations into a certificate. */
export class FanOut {
  /** Settles when every node was served or given up. Never rejects. */
  readonly finished: Promise<void>
  readonly #components: FanOutComponents
  readonly #input: FanOutInput
  readonly #request: Uint8Array
  readonly #isSmall: boolean
  readonly #gate: QuorumGate
  readonly #confirmations: ConfirmationSet
  readonly #refusals: Error[] = []
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #result = Promise.withResolvers<FanOutResult>()
  #decided = false
  #epochChanged = false
  /** weight of those who will not confirm any more */
  #lost = 0
  /** runs once a quorum has become impossible */
  #hopeless: Timer | undefined

  /** Begins at once. */
  constructor(components: FanOutComponents, input: FanOutInput) {
    const { committee, order, header, signal } = input
    const { blobId, unencodedLength } = header.metadata
    this.#components = components
    this.#input = input
    this.#request = encodeStoreRequest(header)
    this.#isSmall = unencodedLength <= SMALL_BLOB_BYTES
    this.#gate = createQuorumGate({
      quorumWeight: quorumWeight(committee.nShards),
      holdMs: this.#isSmall ? SMALL_HOLD_MS : HOLD_MS,
      clock: components.clock,
    })
    this.#confirmations = new ConfirmationSet(committee, blobId, header.persistence)
    this.#signal = anySignal(signal, this.#stop.signal)
    this.finished = Promise.all(order.map(member => this.#serve(member)))
      .then(() => this.#decide(true))
      .catch(this.#result.reject)
      .finally(() => {
        this.#hopeless?.stop()
        this.#confirmations.free()
      })
  }

  /**
   * Settles at a quorum, or when one has become impossible. Unless it brings a certificate, and when the signal ends it, no
   * sliver is read any more by then: they may be released.
   */
  async result(signal?: AbortSignal): Promise<FanOutResult> {
    try {
      const result = await raceSignal(this.#result.promise, signal)
      if (result.certificate === undefined)
        await this.stop(new DOMException('it will not be confirmed', 'AbortError'))
      return result
    } catch (error) {
      await this.stop(error)
      throw error
    }
  }

  /** The certificate has done its work: now for the members that were not needed for it. */
  serveRest(): void {
    this.#gate.open()
  }

  /** Ends what is under way; resolves when it has ended. */
  async stop(reason: unknown): Promise<void> {
    this.#stop.abort(reason)
    await this.finished
  }

  /** `last`: nobody else is waited for. */
  async #decide(last: boolean): Promise<void> {
    if (this.#decided) return
    const { bls, accuse } = this.#components
    const { committee, header } = this.#input
    let confirmedShards = 0
    let certificate: Certificate | undefined
    if (this.#confirmations.count > 0) {
      // from the first confirmation on, so that keys and signatures are read while others are waited for
      const lib = await bls()
      if (this.#decided) return
      const { bad, ...aggregated } = this.#confirmations.aggregate(lib)
      certificate = aggregated.certificate
      confirmedShards = aggregated.weight
      for (const index of bad) {
        const { blobId } = header.metadata
        accuse(committee.members[index]!, 'confirmation', { blobId, why: 'its signature does not verify' })
        this.#gate.open()
      }
    }
    if (certificate === undefined && !last) return
    this.#decided = true
    const { epochChanged, refusals } = { epochChanged: this.#epochChanged, refusals: this.#refusals }
    this.#result.resolve({ certificate, confirmedShards, epochChanged, refusals })
  }

  async #serve(member: CommitteeMember): Promise<void> {
    if (await this.#persist(member)) return
    this.#lost += member.shards.length
    const { nShards } = this.#input.committee
    // the slowest of the others need not be waited for; those who are about to confirm are to be counted
    if (!isQuorum(nShards - this.#lost, nShards))
      this.#hopeless ??= this.#components.clock.after(HOPELESS_MS, () => {
        this.#decide(true).catch(this.#result.reject)
      })
  }

  /** Offers the blob to the member again and again while that is of use. Tells whether it confirmed. */
  async #persist(member: CommitteeMember): Promise<boolean> {
    const { book, clock, log } = this.#components
    const { blobId } = this.#input.header.metadata
    const retries = createRetries(clock, { isRelayed: isRelayed(book.address(member)) })
    for (;;) {
      const admission = this.#gate.admission(member.shards.length)
      try {
        const confirmed = await this.#offer(member, admission, retries)
        if (!confirmed) admission.withdraw()
        return confirmed
      } catch (error) {
        if (this.#signal.aborted) return false
        admission.withdraw()
        const code = error instanceof ProtocolError ? error.code : undefined
        if (code === 'EPOCH_CHANGED' || code === 'NOT_IN_COMMITTEE') this.#epochChanged = true
        if (code !== undefined && DOUBTFUL.has(code)) this.#input.onDoubt?.()
        const retryAfterMs = retries.after(error)
        const { peerId: peer } = book.address(member)
        log.debug({ peer, blobId, err: error, retryAfterMs }, 'peer did not confirm')
        if (retryAfterMs === undefined) {
          const reason = error instanceof Error ? error.message : String(error)
          this.#refusals.push(new Error(`${member.name}: ${reason}`, { cause: error }))
          if (code !== undefined && AWAY.has(code)) book.failed(member)
          return false
        }
        await clock.sleep(retryAfterMs, this.#signal).catch(() => undefined)
        if (this.#signal.aborted) return false
      }
    }
  }

  /** Tells whether the member confirmed; throws when it may do so another time. */
  async #offer(member: CommitteeMember, admission: Admission, retries: Retries): Promise<boolean> {
    const { peers, book, accuse, clock, log } = this.#components
    const { committee, header, onConfirmed, onDoubt } = this.#input
    const { blobId } = header.metadata
    const signal = this.#signal
    const peer = book.address(member)
    const startedAt = clock.monotonic()
    if (this.#isSmall) await admission.wait(signal)
    const sliver = this.#slivers(member, admission)
    const input = { header, request: this.#request, sliver, onWanted: retries.wanted }
    const { epoch, confirmation, sentBytes } = await peers.store(peer, input, { signal })
    if (epoch !== committee.epoch) {
      this.#epochChanged = true
      onDoubt?.()
      return false
    }
    if (!this.#confirmations.add(member.index, confirmation)) {
      accuse(member, 'confirmation', { blobId, why: 'it confirms something else' })
      return false
    }
    onConfirmed?.(this.#confirmations.weight)
    this.#decide(false).catch(this.#result.reject)
    const durationMs = clock.monotonic() - startedAt
    log.debug({ peer: peer.peerId, blobId, sentBytes, durationMs }, 'peer confirmed')
    return true
  }

  /** What the member is sent of those that it asks for. */
  #slivers(member: CommitteeMember, admission: Admission): (ref: SliverRef) => Promise<OutgoingSliver> {
    const { encoded, committee, header } = this.#input
    const { nShards } = committee
    const { blobId } = header.metadata
    const shards = new Set(member.shards)
    const isOwn = ({ pair }: SliverRef) => pair < nShards && shards.has(shardOfPair(pair, blobId, nShards))
    let given = 0
    return async ref => {
      // it has other shards than we know of, or lies: either way the uplink is not for this sliver
      if (!isOwn(ref)) throw new ProtocolError('EPOCH_CHANGED', { details: { epoch: committee.epoch } })
      await admission.wait(this.#signal)
      given++
      // the library loads while the slivers are verified; what fails fails again where it is needed
      if (given === 2 * shards.size) this.#components.bls().catch(() => undefined)
      return encoded.sliver(ref)
    }
  }
}
