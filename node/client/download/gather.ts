import type { Clock } from '../../../base/clock.ts'
import type { Countdown } from '../../../base/deadline.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import type { Timer } from '../../../base/timers.ts'
import { anySignal } from '../../../base/wait.ts'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import type { SliverBytes } from '../../../codec/index.ts'
import { maxBlobSize, pairOfShard, sliverLength } from '../../../codec/index.ts'
import type { BlobId, ObjectId, ShardIndex, SliverPairIndex } from '../../../codec/types.ts'
import { type PeerClient, ProtocolError, type ProtocolErrorCode } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { Answers } from '../answers.ts'
import { isRelayed } from '../relayed.ts'
import type { Owners } from './owners.ts'
import { Pace, patienceMs } from './pace.ts'

export interface GatherComponents {
  peers: Pick<PeerClient, 'fetch'>
  book: PeerBook
  clock: Clock
  log: Log
}

export interface Gathered extends SliverBytes {
  /** undefined: it was kept from a read before */
  from: CommitteeMember | undefined
}

/** For peers that are late, no more than so much beyond what is needed is asked for; for lost ones all that they owe. */
const EXTRA = 0.25

/** The line or the node failed for a moment: the peer has what it had before. */
const BROKEN: ReadonlySet<ProtocolErrorCode> = new Set([
  'BUSY',
  'CONNECTION_LOST',
  'PATH_LOST',
  'STOPPING',
  'TRUNCATED',
])
/** Whether a peer that answered so may be asked again. */
export function isPassing(error: unknown): error is ProtocolError {
  return error instanceof ProtocolError && BROKEN.has(error.code)
}
/** It could not be asked: it may be starting again, or have too much to do. */
const UNHEARD: ReadonlySet<ProtocolErrorCode> = new Set(['UNREACHABLE', 'TIMEOUT'])
/** A peer that breaks off so often is not asked again: that is after three seconds of rests. */
const MAX_BREAKS = 5
/** The same over relays, after nine seconds: one that starts anew is back within three, and its reservations within five. */
const MAX_RELAYED_BREAKS = 8
/** What a peer that broke off is given before it is asked again, when others do not suffice; each time twice as long. */
const REST_MS = 200
const MAX_REST_MS = 2_000
export const restMs = ({ retryAfterMs = 0 }: { retryAfterMs?: number | undefined }, breaks = 1): number =>
  Math.min(Math.max(retryAfterMs, REST_MS * 2 ** (breaks - 1)), MAX_REST_MS)

/** What a member may have for us. */
interface Source {
  member: CommitteeMember
  /** pairs that it was not asked for, or did not get to answer, and of which it is the preferred owner */
  open: SliverPairIndex[]
  /** the same of which another one is: it had them before, or has them from now on */
  spare: SliverPairIndex[]
  /** every pair that it was given to answer, or is to be */
  known: Set<SliverPairIndex>
  /** It has answered a request: the next one is for all that is open, and the last. */
  asked: boolean
  state: 'free' | 'busy' | 'resting'
  breaks: number
}

interface Request {
  source: Source
  /** pairs that it has not answered */
  owed: Set<SliverPairIndex>
  lacked: boolean
  askedAt: number
  /** others who were asked later have answered */
  overtaken: boolean
  pace: Pace
  stop: AbortController
}

export interface GathererInit {
  /** nobody waits for longer than this without a sliver */
  silenceMs: number
  /** Called at the first miss: who has the shards by now, when it is not who was thought to. */
  renew?: (signal: AbortSignal) => Promise<Owners | undefined>
  signal?: AbortSignal
}

/**
 * Collects primary slivers of one blob: asks the fastest peers for just enough, and more as peers fail, lack slivers or
 * are late by their own measure. When all are late at once it is this side that is slow, and nobody else is asked, unless one who was asked
 * later has answered by then. A peer is asked for what is needed, and once more for all else that it may have: never pair by pair; and once
 * for what others should have, when nothing is left to be asked of these. One whose stream breaks is asked again after the
 * others. Slivers are not verified here; the caller throws out bad ones with `reject` and calls `collect` again.
 */
export class Gatherer {
  /** what those did that were asked */
  readonly answers = new Answers()
  readonly #components: GatherComponents
  readonly #blobId: BlobId
  readonly #signal: AbortSignal
  readonly #renew: GathererInit['renew']
  #renewing: 'not yet' | 'under way' | 'over' = 'not yet'
  readonly #rejected = new Set<ObjectId>()
  readonly #slivers = new Map<SliverPairIndex, Gathered>()
  /** in the order in which they are asked */
  #sources: Source[] = []
  readonly #requests = new Set<Request>()
  readonly #news = new Notify()
  readonly #closed = new AbortController()
  readonly #silence: Countdown
  #silent = false
  /** slivers that the last request for some was to bring it to */
  #wanted = 0
  #notifying: Timer | undefined
  /** bytes of a sliver at most; a peer that announces more is not listened to */
  #maxBytes: number

  constructor(
    components: GatherComponents,
    owners: Owners,
    blobId: BlobId,
    { silenceMs, renew, signal }: GathererInit,
  ) {
    this.#components = components
    this.#blobId = blobId
    this.#renew = renew
    this.#signal = anySignal(signal, this.#closed.signal)
    this.#silence = components.clock.countdown(silenceMs, () => {
      this.#silent = true
      this.#news.notify()
    })
    const { nShards } = owners.committee
    this.#maxBytes = sliverLength(nShards, maxBlobSize(nShards), 'primary')
    this.#adopt(owners)
  }

  /** What has arrived and was not rejected. */
  get slivers(): Gathered[] {
    return [...this.#slivers.values()]
  }

  /** Somebody who was asked then has answered something else: who has said nothing meanwhile is late, and not this side. */
  answeredElsewhere(askedAt: number): void {
    for (const { pace } of this.#overtakenSince(askedAt)) pace.blame()
  }

  /** From here on slivers may have this many bytes: known once the metadata is. */
  expect(sliverBytes: number): void {
    this.#maxBytes = sliverBytes
  }

  /** Slivers that need not be asked for. */
  keep(slivers: readonly SliverBytes[]): void {
    for (const sliver of slivers) this.#slivers.set(sliver.ref.pair, { ...sliver, from: undefined })
  }

  /** Asks for `count` slivers without waiting for them. */
  begin(count: number): void {
    this.#askFor(count)
  }

  /** Waits until `count` slivers are there, or nobody is left to ask, or nothing came for too long. */
  async collect(count: number, onProgress?: (have: number) => void): Promise<boolean> {
    for (;;) {
      this.#signal.throwIfAborted()
      onProgress?.(Math.min(this.#slivers.size, count))
      if (this.#slivers.size >= count) return true
      this.#askFor(count)
      const nobodyLeft =
        this.#requests.size === 0 &&
        this.#renewing !== 'under way' &&
        !this.#sources.some(({ state }) => state === 'resting')
      if (nobodyLeft || this.#silent) return false
      await this.#news.wait(this.#signal)
    }
  }

  /** Drops slivers that turned out to be wrong and asks their sender no more. */
  reject(member: CommitteeMember): void {
    this.#rejected.add(member.nodeId)
    this.answers.wrong(member)
    for (const [pair, sliver] of this.#slivers) {
      if (sliver.from?.nodeId === member.nodeId) this.#slivers.delete(pair)
    }
    for (const request of this.#requests) {
      if (request.source.member.nodeId === member.nodeId)
        request.stop.abort(new DOMException('lied', 'AbortError'))
    }
    this.#sources = this.#sources.filter(source => source.member.nodeId !== member.nodeId)
  }

  /** Drops one that was kept and turned out to be wrong. */
  forget({ ref, from }: Gathered): void {
    if (from === undefined) this.#slivers.delete(ref.pair)
  }

  /** Stops every request. */
  close(): void {
    this.#silence.stop()
    this.#notifying?.stop()
    this.#closed.abort(new DOMException('no more slivers are needed', 'AbortError'))
  }

  /** Adds who is not known yet, and what those who are may have besides, and where they are by now. */
  #adopt(owners: Owners): void {
    const { nShards } = owners.committee
    const sources = new Map(this.#sources.map(source => [source.member.nodeId, source]))
    for (const member of owners.order) {
      if (this.#rejected.has(member.nodeId)) continue
      const known = sources.get(member.nodeId)
      if (known !== undefined) {
        known.member = member
        continue
      }
      sources.set(member.nodeId, {
        member,
        open: [],
        spare: [],
        known: new Set(),
        asked: false,
        state: 'free',
        breaks: 0,
      })
    }
    this.#sources = [...sources.values()]
    for (let shard = 0; shard < nShards; shard++) {
      const pair = pairOfShard(shard as ShardIndex, this.#blobId, nShards)
      for (const [rank, { nodeId }] of owners.of(shard as ShardIndex).entries()) {
        const source = sources.get(nodeId)
        if (source === undefined || source.known.has(pair)) continue
        source.known.add(pair)
        ;(rank === 0 ? source.open : source.spare).push(pair)
      }
    }
  }

  /** Starts requests until those that are on time suffice. What others should have is asked for last. */
  #askFor(count: number): void {
    this.#wanted = count
    const there = new Set<SliverPairIndex>(this.#slivers.keys())
    // what may still arrive: the late are not lost
    const coming = new Set(there)
    for (const { owed, pace } of this.#requests) {
      for (const pair of owed) {
        if (!pace.late) there.add(pair)
        if (!pace.lost) coming.add(pair)
      }
    }
    const most = count + Math.max(1, Math.floor(count * EXTRA))
    for (const list of ['open', 'spare'] as const) {
      for (const source of this.#sources) {
        const missing = Math.min(count - there.size, most - coming.size)
        if (missing <= 0) return
        if (source.state !== 'free') continue
        const useful = source[list].filter(pair => !there.has(pair))
        // who was asked before is asked for all that it may have, and not a third time
        const pairs = source.asked ? useful : useful.slice(0, missing)
        const tooMany = coming.size >= count && coming.size + pairs.length > most
        if (pairs.length === 0 || tooMany) continue
        const taken = new Set(pairs)
        source[list] = source[list].filter(pair => !taken.has(pair))
        for (const pair of pairs) {
          there.add(pair)
          coming.add(pair)
        }
        this.#request(source, pairs)
      }
    }
  }

  /** Whether nobody of several who owe most of what is needed moves on: rarely are so many to blame. */
  #isReaderSlow(): boolean {
    let owing = 0
    for (const { owed, overtaken, pace } of this.#requests) {
      if (overtaken || !pace.slow || pace.lost) return false
      owing += owed.size
    }
    return this.#requests.size > 1 && owing >= this.#wanted / 2
  }

  /** Requests of which nothing has come, while those who were asked then have answered. */
  #overtakenSince(askedAt: number): Request[] {
    const overtaken = [...this.#requests].filter(({ pace }) => pace.isOvertaken(askedAt))
    for (const request of overtaken) request.overtaken = true
    return overtaken
  }

  #request(source: Source, pairs: SliverPairIndex[]): void {
    const { book, clock } = this.#components
    const { member } = source
    const request: Request = {
      source,
      owed: new Set(pairs),
      lacked: false,
      askedAt: clock.monotonic(),
      overtaken: false,
      pace: new Pace({
        clock,
        limitMs: patienceMs(book.usualWaitMs(member)),
        onStep: () => {
          this.#silent = false
          request.overtaken = false
          this.#silence.restart()
        },
        onLate: () => {
          if (request.pace.lost) book.failed(member)
          else if (this.#isReaderSlow()) return request.pace.excuse()
          this.#news.notify()
        },
      }),
      stop: new AbortController(),
    }
    source.state = 'busy'
    this.answers.asked(member)
    this.#requests.add(request)
    this.#run(request, pairs)
      .then(
        () => {
          source.state = 'free'
          source.asked = true
          // a peer that lacks some is likely to lack more
          if (request.lacked) this.#putLast(source)
        },
        error => this.#failed(request, error),
      )
      .finally(() => {
        request.pace.stop()
        const { longestMs } = request.pace
        if (longestMs !== undefined) book.waited(member, longestMs)
        this.#requests.delete(request)
        this.#news.notify()
      })
  }

  async #run(request: Request, pairs: SliverPairIndex[]): Promise<void> {
    const { peers, book, clock } = this.#components
    const { member } = request.source
    const maxBytes = this.#maxBytes
    const items = pairs.map(pair => ({
      blobId: this.#blobId,
      ref: { pair, axis: 'primary' as const },
      maxBytes,
    }))
    const signal = anySignal(this.#signal, request.stop.signal)
    const start = clock.monotonic()
    let first = true
    const onBytes = (count: number): void => {
      if (first) book.answered(member, clock.monotonic() - start)
      first = false
      request.pace.heard(count)
    }
    for await (const { ref, bytes } of peers.fetch(book.address(member), items, { signal, onBytes })) {
      request.pace.step()
      const wanted = request.owed.delete(ref.pair) && !request.stop.signal.aborted
      if (bytes === undefined || !wanted) {
        request.lacked = true
        this.answers.lacked(member)
        this.#missed()
        this.#notifySoon()
        continue
      }
      this.answers.gave(member)
      for (const one of this.#overtakenSince(request.askedAt)) one.pace.giveUp()
      this.#slivers.set(ref.pair, { ref: { pair: ref.pair, axis: 'primary' }, bytes, from: member })
      this.#news.notify()
    }
  }

  #failed({ source, owed, stop }: Request, error: unknown): void {
    if (this.#signal.aborted || stop.signal.aborted) return
    const { book, clock, log } = this.#components
    const { member } = source
    book.failed(member)
    this.answers.failed(member, error)
    this.#missed()
    const mayPass = error instanceof ProtocolError && (isPassing(error) || UNHEARD.has(error.code))
    const address = book.address(member)
    const mostBreaks = isRelayed(address) ? MAX_RELAYED_BREAKS : MAX_BREAKS
    const broke = mayPass && ++source.breaks < mostBreaks
    log.debug(
      { peer: address.peerId, blobId: this.#blobId, err: error, again: broke },
      'peer gave no slivers',
    )
    if (!broke) {
      this.#sources = this.#sources.filter(one => one !== source)
      return
    }
    source.open.unshift(...owed)
    this.#putLast(source)
    source.state = 'resting'
    clock
      .sleep(restMs(error, source.breaks), this.#signal)
      .then(() => {
        source.state = 'free'
        this.#news.notify()
      })
      // closed meanwhile
      .catch(() => undefined)
  }

  /** The committee may be another one by now. What the chain says of it is waited for before anything is given up. */
  #missed(): void {
    if (this.#renew === undefined || this.#renewing !== 'not yet') return
    this.#renewing = 'under way'
    this.#renew(this.#signal)
      .then(
        owners => owners !== undefined && this.#adopt(owners),
        error => this.#components.log.debug({ err: error }, 'the committee could not be read again'),
      )
      .finally(() => {
        this.#renewing = 'over'
        this.#news.notify()
      })
  }

  #putLast(source: Source): void {
    const others = this.#sources.filter(one => one !== source)
    // not there any more when it was rejected
    if (others.length < this.#sources.length) this.#sources = [...others, source]
  }

  /** What lacks come in one packet is made up for by one request. */
  #notifySoon(): void {
    this.#notifying ??= this.#components.clock.after(0, () => {
      this.#notifying = undefined
      this.#news.notify()
    })
  }
}
