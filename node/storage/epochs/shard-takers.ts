import { defined } from '../../../base/defined.ts'
import type { Timer } from '../../../base/timers.ts'
import { Troubles } from '../../../base/troubles.ts'
import { anySignal } from '../../../base/wait.ts'
import type { CommitteeMember, Committees } from '../../../chain/types/index.ts'
import type { BlobId, Epoch, ObjectId, ShardIndex } from '../../../codec/types.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import type { BlobLock } from '../blob-lock.ts'
import type { Missing } from '../recovery/missing.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import type { FormerOwner, ShardRecord } from '../store/node-records.ts'
import type { ShardedSliverStore } from '../store/shard-slivers.ts'
import { findLacking, LAST_BLOB } from './find-lacking.ts'
import type { ShardBook } from './shard-book.ts'
import { type TakeShardComponents, takeShard } from './take-shard.ts'

export interface ShardTakersComponents extends TakeShardComponents {
  blobs: Pick<BlobRecords, 'get' | 'getMany' | 'list'>
  lock: Pick<BlobLock, 'enter' | 'exclusively'>
  slivers: TakeShardComponents['slivers'] & Pick<ShardedSliverStore, 'listShard'>
  missing: Pick<Missing, 'look'>
  committees: Pick<CommitteeTracker, 'get'>
  /** Resolves once no event is still being written that was looked at before. */
  eventWritten: () => Promise<void>
}

interface Init {
  components: ShardTakersComponents
  book: ShardBook
  /** Slivers of so many blobs were noted as missing. */
  onLacking: (blobs: number) => void
  /** Another shard may have its turn. `failed`: this one has to be looked at again. */
  onEnd: (failed: boolean) => void
}

/** Shards that are taken over at a time, and those of one source: each holds a page. */
const TAKEN_AT_ONCE = 4
const TAKEN_OF_ONE = 2
/** after an error on this side, such as a disk without room */
const RETRY_MS = 10_000
/** Shards that have come are compared together; those that are still on their way are waited for so long. */
const TOGETHER_MS = 10_000

interface Taker {
  source: ObjectId | undefined
  stop: AbortController
  done: Promise<void>
}

/** Takes over the shards that the book says are gained, a few at a time. */
export class ShardTakers {
  readonly #init: Init
  readonly #takers = new Map<ShardIndex, Taker>()
  readonly #troubles: Troubles
  #known: Committees | undefined
  /** what compares shards that have come with the node's own list */
  #comparing: { stop: AbortController; done: Promise<void> } | undefined
  #together: { timer: Timer; isOver: boolean } | undefined
  #stopping = new AbortController()

  constructor(init: Init) {
    this.#init = init
    this.#troubles = new Troubles(init.components.clock)
  }

  start(): void {
    this.#stopping = new AbortController()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new DOMException('the node stops', 'AbortError'))
    this.#endWait()
    await Promise.all([...this.#takers.values()].map(({ done }) => done))
    await this.#comparing?.done
  }

  /** Ends what is under way of a shard, or of all; resolves once it has. */
  async giveUp(reason: string, shard?: ShardIndex): Promise<void> {
    const all = [...this.#takers.values(), this.#comparing]
    const takers = shard === undefined ? all : [this.#takers.get(shard)]
    for (const taker of takers) taker?.stop.abort(new DOMException(reason, 'AbortError'))
    await Promise.all(takers.map(taker => taker?.done))
  }

  /** Begins with those that wait, those of the present epoch first, as far as there is room. */
  begin(known: Committees): void {
    this.#known = known
    this.#compare(known)
    const waiting = [...this.#init.book.all]
      .filter(([, { state, cursor }]) => state === 'gaining' && cursor !== LAST_BLOB)
      .filter(([shard]) => !this.#takers.has(shard))
      .sort(([, a], [, b]) => a.epoch - b.epoch)
    for (const [shard, { source }] of waiting) {
      const running = [...this.#takers.values()]
      if (running.length >= TAKEN_AT_ONCE) return
      if (source !== undefined && running.filter(one => one.source === source).length >= TAKEN_OF_ONE)
        continue
      this.#begin(shard, source)
    }
  }

  #begin(shard: ShardIndex, source: ObjectId | undefined): void {
    const { components, onEnd } = this.#init
    const { clock, log } = components
    const stop = new AbortController()
    const signal = anySignal(stop.signal, this.#stopping.signal)
    let failed = false
    const done = this.#take(shard, signal)
      .catch(error => {
        if (signal.aborted) return
        if (this.#troubles.isNews(error))
          log.error({ shard, err: error }, 'a shard was not taken over; will try again')
        failed = true
        return clock.sleep(RETRY_MS, signal).catch(() => undefined)
      })
      .finally(() => {
        this.#takers.delete(shard)
        onEnd(failed)
      })
    this.#takers.set(shard, { source, stop, done })
  }

  /** From its source what that has. */
  async #take(shard: ShardIndex, signal: AbortSignal): Promise<void> {
    const { components, book } = this.#init
    const { cursor, kept } = book.all.get(shard)!
    const source = this.#sourceOf(shard)
    // what a shard that comes back still has shall not be sent again: the rest is little, and fetched by name
    if (cursor !== LAST_BLOB && kept !== true && source !== undefined) {
      const since = (): number => book.all.get(shard)?.epoch ?? 0
      await takeShard(components, {
        shard,
        source,
        findSource: () => this.#renewedSourceOf(shard, signal),
        epoch: () => Math.max(since(), this.#known!.epoch) as Epoch,
        urgency: () => (since() > this.#known!.epoch ? 'prefetch' : 'handoff'),
        after: cursor,
        onPage: at => this.#moveCursor(shard, at, signal),
        signal,
      })
    }
    // from here on events note themselves what is missing of the shard: from the next one that is looked at
    await this.#moveCursor(shard, LAST_BLOB, signal)
  }

  /** Begins to look for what shards of the present epoch lack that have come, unless others come soon. */
  #compare({ epoch: now }: Committees): void {
    const { book, components, onEnd } = this.#init
    const { clock, log } = components
    if (this.#comparing !== undefined) return
    const gained = [...book.all].filter(([, { state, epoch }]) => state === 'gaining' && epoch <= now)
    const come = new Map(gained.filter(([, { cursor }]) => cursor === LAST_BLOB))
    if (come.size === 0) return
    if (come.size < gained.length && this.#together?.isOver !== true) {
      this.#together ??= this.#waitTogether()
      return
    }
    this.#endWait()
    const stop = new AbortController()
    const signal = anySignal(stop.signal, this.#stopping.signal)
    let failed = false
    const done = this.#findLacking(come, now, signal)
      .catch(error => {
        if (signal.aborted) return
        if (this.#troubles.isNews(error))
          log.error({ err: error }, 'what shards lack was not looked for; will try again')
        failed = true
        return clock.sleep(RETRY_MS, signal).catch(() => undefined)
      })
      .finally(() => {
        this.#comparing = undefined
        onEnd(failed)
      })
    this.#comparing = { stop, done }
  }

  #waitTogether(): { timer: Timer; isOver: boolean } {
    const end = (): void => {
      wait.isOver = true
      this.#init.onEnd(false)
    }
    const wait = { timer: this.#init.components.clock.after(TOGETHER_MS, end), isOver: false }
    return wait
  }

  #endWait(): void {
    this.#together?.timer.stop()
    this.#together = undefined
  }

  /** What is on the node's own list and not in these shards is missing; they are active from then on. */
  async #findLacking(
    come: ReadonlyMap<ShardIndex, ShardRecord>,
    epoch: Epoch,
    signal: AbortSignal,
  ): Promise<void> {
    const { components, book, onLacking } = this.#init
    const { log, clock, eventWritten } = components
    const began = clock.monotonic()
    await eventWritten()
    const lacking = await findLacking(components, [...come.keys()], epoch, signal)
    await book.change(shards => {
      signal.throwIfAborted()
      // one that was lost meanwhile, or lost and gained again, is not what was looked at
      const same = [...come].filter(([shard, record]) => shards.get(shard) === record)
      return new Map(
        same.map(([shard, { epoch: since }]) => {
          const former = lacking > 0 ? this.#formerOf(shard) : undefined
          return [shard, defined({ state: 'active' as const, epoch: since, former })]
        }),
      )
    })
    const durationMs = Math.round(clock.monotonic() - began)
    log.debug({ shards: [...come.keys()], epoch, lacking, durationMs }, 'shards were taken over')
    this.#troubles.over()
    if (lacking > 0) onLacking(lacking)
  }

  #formerOf(shard: ShardIndex): FormerOwner | undefined {
    const source = this.#sourceOf(shard)
    if (source === undefined) return undefined
    const { nodeId, name, multiaddrs } = source
    const networkPublicKey = Buffer.from(source.networkPublicKey).toString('base64')
    return { nodeId, name, networkPublicKey, multiaddrs: [...multiaddrs] }
  }

  /** As the chain has it now. */
  async #renewedSourceOf(shard: ShardIndex, signal: AbortSignal): Promise<CommitteeMember | undefined> {
    const known = await this.#init.components.committees.get({ signal }).catch(() => undefined)
    return this.#sourceOf(shard, known)
  }

  #sourceOf(shard: ShardIndex, known = this.#known): CommitteeMember | undefined {
    const nodeId = this.#init.book.all.get(shard)?.source
    const { previous, current, next } = known!
    for (const committee of [current, previous, next]) {
      const member = committee?.members.find(one => one.nodeId === nodeId)
      if (member !== undefined) return member
    }
    return undefined
  }

  async #moveCursor(shard: ShardIndex, cursor: BlobId, signal: AbortSignal): Promise<void> {
    await this.#init.book.change(shards => {
      signal.throwIfAborted()
      const record = shards.get(shard)
      return new Map(record?.state === 'gaining' ? [[shard, { ...record, cursor }]] : [])
    })
  }
}
