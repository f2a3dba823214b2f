import type { Committee, CommitteeMember } from '../../chain/types.ts'
import type { SliverBytes } from '../../codec/index.ts'
import { maxBlobSize, pairOfShard, sliverLength } from '../../codec/index.ts'
import type { BlobId, SliverPairIndex } from '../../codec/types.ts'
import type { PeerClient } from '../../protocols/index.ts'
import type { Log } from '../../protocols/ports.ts'
import type { PeerBook } from './peer-book.ts'
import { anySignal, Bell } from './wait.ts'

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

interface Request {
  member: CommitteeMember
  /** pairs that it has not delivered */
  owed: Set<SliverPairIndex>
  lastHeardAt: number
  hedgeMs: number
  stop: AbortController
}

/**
 * Collects primary slivers of one blob: asks the fastest peers for just enough, and more as peers fail, lack slivers or
 * lag. Slivers are not verified here; the caller throws out bad ones with `reject` and calls `collect` again.
 */
export class Gatherer {
  readonly #components: GatherComponents
  readonly #blobId: BlobId
  readonly #signal: AbortSignal
  readonly #slivers = new Map<SliverPairIndex, Gathered>()
  readonly #candidates: { member: CommitteeMember; pairs: SliverPairIndex[] }[]
  readonly #requests = new Set<Request>()
  readonly #bell = new Bell()
  readonly #closed = new AbortController()
  #lastProgressAt = performance.now()
  /** bytes of a sliver at most; a peer that announces more is not listened to */
  #maxBytes: number

  /** `order`: members as they are to be asked */
  constructor(
    components: GatherComponents,
    committee: Committee,
    blobId: BlobId,
    order: readonly CommitteeMember[],
    signal?: AbortSignal,
  ) {
    this.#components = components
    this.#blobId = blobId
    this.#signal = anySignal(signal, this.#closed.signal)
    const { nShards } = committee
    this.#maxBytes = sliverLength(nShards, maxBlobSize(nShards), 'primary')
    this.#candidates = order.map(member => ({
      member,
      pairs: member.shards.map(shard => pairOfShard(shard, blobId, committee.nShards)),
    }))
  }

  /** What has arrived and was not rejected. */
  get slivers(): Gathered[] {
    return [...this.#slivers.values()]
  }

  /** When something last arrived; for a limit on silence. */
  get lastProgressAt(): number {
    return this.#lastProgressAt
  }

  /** From here on slivers may have this many bytes: known once the metadata is. */
  expect(sliverBytes: number): void {
    this.#maxBytes = sliverBytes
  }

  /** Asks for `count` slivers without waiting for them. */
  begin(count: number): void {
    this.#askFor(count)
  }

  /** Waits until `count` slivers are there, or nobody is left to ask, or nothing came for `silenceMs`. */
  async collect(count: number, silenceMs: number, onProgress?: (have: number) => void): Promise<boolean> {
    for (;;) {
      this.#signal.throwIfAborted()
      onProgress?.(Math.min(this.#slivers.size, count))
      if (this.#slivers.size >= count) return true
      const wakeInMs = this.#askFor(count)
      const silentMs = performance.now() - this.#lastProgressAt
      if (this.#requests.size === 0 || silentMs >= silenceMs) return false
      await this.#sleep(Math.max(1, Math.min(wakeInMs, silenceMs - silentMs)))
    }
  }

  /** Drops slivers that turned out to be wrong and asks their sender no more. */
  reject(member: CommitteeMember): void {
    for (const [pair, sliver] of this.#slivers) {
      if (sliver.from.nodeId === member.nodeId) this.#slivers.delete(pair)
    }
    for (const request of this.#requests) {
      if (request.member.nodeId === member.nodeId) request.stop.abort(new DOMException('lied', 'AbortError'))
    }
    this.#remove(member)
  }

  /** Stops every request. */
  close(): void {
    this.#closed.abort(new DOMException('no more slivers are needed', 'AbortError'))
  }

  /** Starts requests until those that are on time suffice; tells when to look again. */
  #askFor(count: number): number {
    let wakeInMs = Number.POSITIVE_INFINITY
    const coming = new Set<SliverPairIndex>()
    for (const { owed, lastHeardAt, hedgeMs } of this.#requests) {
      const leftMs = lastHeardAt + hedgeMs - performance.now()
      if (leftMs <= 0) continue
      wakeInMs = Math.min(wakeInMs, leftMs)
      for (const pair of owed) coming.add(pair)
    }
    let missing = count - this.#slivers.size - coming.size
    while (missing > 0) {
      const next = this.#candidates.shift()
      if (next === undefined) break
      // the last peer is asked only for what is still needed; the rest of its slivers stays on offer
      const pairs = next.pairs.slice(0, missing)
      if (pairs.length < next.pairs.length) {
        this.#candidates.unshift({ ...next, pairs: next.pairs.slice(missing) })
      }
      missing -= pairs.length
      const request = this.#request(next.member, pairs)
      wakeInMs = Math.min(wakeInMs, request.hedgeMs)
    }
    return wakeInMs
  }

  #request(member: CommitteeMember, pairs: SliverPairIndex[]): Request {
    const expected = this.#components.book.expectedMs(member)
    const request: Request = {
      member,
      owed: new Set(pairs),
      lastHeardAt: performance.now(),
      hedgeMs: expected === undefined ? HEDGE_UNKNOWN_MS : Math.max(HEDGE_MIN_MS, expected * HEDGE_FACTOR),
      stop: new AbortController(),
    }
    this.#requests.add(request)
    this.#run(request, pairs)
      .catch(error => {
        if (this.#signal.aborted || request.stop.signal.aborted) return
        this.#components.book.failed(member)
        // what it still had on offer would fail as well
        this.#remove(member)
        const { address } = this.#components.book
        this.#components.log.debug(
          { peer: address(member).peerId, blobId: this.#blobId, err: error },
          'peer gave no slivers',
        )
      })
      .finally(() => {
        this.#requests.delete(request)
        this.#bell.ring()
      })
    return request
  }

  async #run(request: Request, pairs: SliverPairIndex[]): Promise<void> {
    const { peers, book } = this.#components
    const { member } = request
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
      request.lastHeardAt = performance.now()
      if (bytes !== undefined && request.owed.has(ref.pair) && !request.stop.signal.aborted) {
        this.#slivers.set(ref.pair, { ref: { pair: ref.pair, axis: 'primary' }, bytes, from: member })
        this.#lastProgressAt = performance.now()
      }
      request.owed.delete(ref.pair)
      this.#bell.ring()
    }
  }

  #remove(member: CommitteeMember): void {
    for (let i = this.#candidates.length - 1; i >= 0; i--) {
      if (this.#candidates[i].member.nodeId === member.nodeId) this.#candidates.splice(i, 1)
    }
  }

  async #sleep(ms: number): Promise<void> {
    const timer = setTimeout(() => this.#bell.ring(), ms)
    try {
      await this.#bell.wait(this.#signal)
    } finally {
      clearTimeout(timer)
    }
  }
}
