import { Countdown } from '../../../base/deadline.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { anySignal, sleep } from '../../../base/wait.ts'
import type { Committee, CommitteeMember } from '../../../chain/types.ts'
import type { SliverBytes } from '../../../codec/index.ts'
import { maxBlobSize, pairOfShard, sliverLength } from '../../../codec/index.ts'
import type { BlobId, SliverPairIndex } from '../../../codec/types.ts'
import { type PeerClient, ProtocolError, type ProtocolErrorCode } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'

export interface GatherComponents {
  peers: Pick<PeerClient, 'fetch'>
  book: PeerBook
  log: Log
}

export interface Gathered extends SliverBytes {
  from: CommitteeMember
}

/** A peer that has sent nothing for this long is no longer counted on; others are asked for what it owes. */
const HEDGE_MIN_MS = 150
const HEDGE_FACTOR = 4
/** with no memory of a peer: a dial over a long line and a slow disk */
const HEDGE_UNKNOWN_MS = 500

/** The line or the node failed for a moment: the peer has what it had before. */
const BROKEN: ReadonlySet<ProtocolErrorCode> = new Set(['BUSY', 'CONNECTION_LOST', 'STOPPING', 'TRUNCATED'])
/** Whether who answered so may be asked again. */
export function isPassing(error: unknown): error is ProtocolError {
  return error instanceof ProtocolError && BROKEN.has(error.code)
}
/** Who breaks off so often is not asked again. */
const MAX_BREAKS = 2
/** What a peer that broke off is given before it is asked again, when others do not suffice. */
const REST_MS = 200
const MAX_REST_MS = 2_000
export const restMs = ({ retryAfterMs = REST_MS }: { retryAfterMs?: number | undefined }): number =>
  Math.min(retryAfterMs, MAX_REST_MS)

/** What a member may have for us. */
interface Source {
  member: CommitteeMember
  /** pairs that it was not asked for, or did not get to answer */
  open: SliverPairIndex[]
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
  /** nothing was heard for as long as others are given */
  late: boolean
  patience: Countdown
  stop: AbortController
}

/**
 * Collects primary slivers of one blob: asks the fastest peers for just enough, and more as peers fail, lack slivers or
 * lag. A peer is asked for what is needed, and once more for all else that it may have: never pair by pair. One whose
 * stream breaks is asked again after the others. Slivers are not verified here; the caller throws out bad ones with
 * `reject` and calls `collect` again.
 */
export class Gatherer {
  readonly #components: GatherComponents
  readonly #blobId: BlobId
  readonly #signal: AbortSignal
  readonly #slivers = new Map<SliverPairIndex, Gathered>()
  /** in the order in which they are asked */
  #sources: Source[]
  readonly #requests = new Set<Request>()
  readonly #news = new Notify()
  readonly #closed = new AbortController()
  readonly #silence: Countdown
  #silent = false
  #notifying: NodeJS.Immediate | undefined
  /** bytes of a sliver at most; a peer that announces more is not listened to */
  #maxBytes: number

  /** `order`: members as they are to be asked; nobody waits for longer than `silenceMs` without a sliver */
  constructor(
    components: GatherComponents,
    committee: Committee,
    blobId: BlobId,
    {
      order,
      silenceMs,
      signal,
    }: { order: readonly CommitteeMember[]; silenceMs: number; signal?: AbortSignal },
  ) {
    this.#components = components
    this.#blobId = blobId
    this.#signal = anySignal(signal, this.#closed.signal)
    this.#silence = new Countdown(silenceMs, () => {
      this.#silent = true
      this.#news.notify()
    })
    const { nShards } = committee
    this.#maxBytes = sliverLength(nShards, maxBlobSize(nShards), 'primary')
    this.#sources = order.map(member => ({
      member,
      open: member.shards.map(shard => pairOfShard(shard, blobId, nShards)),
      asked: false,
      state: 'free',
      breaks: 0,
    }))
  }

  /** What has arrived and was not rejected. */
  get slivers(): Gathered[] {
    return [...this.#slivers.values()]
  }

  /** From here on slivers may have this many bytes: known once the metadata is. */
  expect(sliverBytes: number): void {
    this.#maxBytes = sliverBytes
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
      const nobodyLeft = this.#requests.size === 0 && !this.#sources.some(({ state }) => state === 'resting')
      if (nobodyLeft || this.#silent) return false
      await this.#news.wait(this.#signal)
    }
  }

  /** Drops slivers that turned out to be wrong and asks their sender no more. */
  reject(member: CommitteeMember): void {
    for (const [pair, sliver] of this.#slivers) {
      if (sliver.from.nodeId === member.nodeId) this.#slivers.delete(pair)
    }
    for (const request of this.#requests) {
      if (request.source.member.nodeId === member.nodeId)
        request.stop.abort(new DOMException('lied', 'AbortError'))
    }
    this.#sources = this.#sources.filter(source => source.member.nodeId !== member.nodeId)
  }

  /** Stops every request. */
  close(): void {
    this.#silence.stop()
    clearImmediate(this.#notifying)
    this.#closed.abort(new DOMException('no more slivers are needed', 'AbortError'))
  }

  /** Starts requests until those that are on time suffice. */
  #askFor(count: number): void {
    const coming = new Set<SliverPairIndex>()
    for (const { owed, late } of this.#requests) if (!late) for (const pair of owed) coming.add(pair)
    let missing = count - this.#slivers.size - coming.size
    while (missing > 0) {
      const source = this.#sources.find(({ state, open }) => state === 'free' && open.length > 0)
      if (source === undefined) return
      const pairs = source.open.splice(0, source.asked ? source.open.length : missing)
      missing -= pairs.length
      this.#request(source, pairs)
    }
  }

  #request(source: Source, pairs: SliverPairIndex[]): void {
    const expected = this.#components.book.expectedMs(source.member)
    const hedgeMs =
      expected === undefined ? HEDGE_UNKNOWN_MS : Math.max(HEDGE_MIN_MS, expected * HEDGE_FACTOR)
    const request: Request = {
      source,
      owed: new Set(pairs),
      lacked: false,
      late: false,
      patience: new Countdown(hedgeMs, () => {
        request.late = true
        this.#news.notify()
      }),
      stop: new AbortController(),
    }
    source.state = 'busy'
    this.#requests.add(request)
    this.#run(request, pairs)
      .then(
        () => {
          source.state = 'free'
          source.asked = true
          // who lacks some is likely to lack more
          if (request.lacked) this.#putLast(source)
        },
        error => this.#failed(request, error),
      )
      .finally(() => {
        request.patience.stop()
        this.#requests.delete(request)
        this.#news.notify()
      })
  }

  async #run(request: Request, pairs: SliverPairIndex[]): Promise<void> {
    const { peers, book } = this.#components
    const { member } = request.source
    const maxBytes = this.#maxBytes
    const items = pairs.map(pair => ({
      blobId: this.#blobId,
      ref: { pair, axis: 'primary' as const },
      maxBytes,
    }))
    const signal = anySignal(this.#signal, request.stop.signal)
    const start = performance.now()
    let first = true
    for await (const { ref, bytes } of peers.fetch(book.address(member), items, { signal })) {
      if (first) book.answered(member, performance.now() - start)
      first = false
      request.late = false
      request.patience.restart()
      const wanted = request.owed.delete(ref.pair) && !request.stop.signal.aborted
      if (bytes === undefined || !wanted) {
        request.lacked = true
        this.#notifySoon()
        continue
      }
      this.#slivers.set(ref.pair, { ref: { pair: ref.pair, axis: 'primary' }, bytes, from: member })
      this.#silent = false
      this.#silence.restart()
      this.#news.notify()
    }
  }

  #failed({ source, owed, stop }: Request, error: unknown): void {
    if (this.#signal.aborted || stop.signal.aborted) return
    const { book, log } = this.#components
    const { member } = source
    book.failed(member)
    const broke = isPassing(error) && ++source.breaks < MAX_BREAKS
    log.debug(
      { peer: book.address(member).peerId, blobId: this.#blobId, err: error, again: broke },
      'peer gave no slivers',
    )
    if (!broke) {
      this.#sources = this.#sources.filter(one => one !== source)
      return
    }
    source.open.unshift(...owed)
    this.#putLast(source)
    source.state = 'resting'
    sleep(restMs(error), this.#signal)
      .then(() => {
        source.state = 'free'
        this.#news.notify()
      })
      // closed meanwhile
      .catch(() => undefined)
  }

  #putLast(source: Source): void {
    const others = this.#sources.filter(one => one !== source)
    // not there any more when it was rejected
    if (others.length < this.#sources.length) this.#sources = [...others, source]
  }

  /** What lacks come in one packet is made up for by one request. */
  #notifySoon(): void {
    this.#notifying ??= setImmediate(() => {
      this.#notifying = undefined
      this.#news.notify()
    })
  }
}
