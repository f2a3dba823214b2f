import { Background } from '../../../base/background.ts'
import { createBackoff } from '../../../base/backoff.ts'
import { Notify } from '../../../base/notify.ts'
import { Troubles } from '../../../base/troubles.ts'
import { anySignal } from '../../../base/wait.ts'
import type { ChainEvent, Committees } from '../../../chain/types/index.ts'
import type { Epoch, ObjectId, ShardIndex } from '../../../codec/types.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import { type NodeRecords, type NodeState, putState, type ShardRecord } from '../store/node-records.ts'
import type { RecordOperation } from '../store/records.ts'
import type { ShardedSliverStore } from '../store/shard-slivers.ts'
import { Attester } from './attester.ts'
import { planShards, shardsOf } from './plan.ts'
import { ShardBook } from './shard-book.ts'
import { ShardTakers, type ShardTakersComponents } from './shard-takers.ts'
import { isWhole } from './whole.ts'

export interface EpochsComponents extends ShardTakersComponents {
  nodeId: ObjectId
  committees: Pick<CommitteeTracker, 'get' | 'latest'>
  records: NodeRecords
  slivers: ShardTakersComponents['slivers'] & Pick<ShardedSliverStore, 'deleteShard'>
  /** Tells the chain that the node has everything of an epoch. Resolves once that is known there, or the epoch is over. */
  attest: (epoch: Epoch, signal: AbortSignal) => Promise<void>
  /** Slivers were noted as missing, or the shards that matter are others now. */
  onChange: () => void
  random: () => number
}

/** How the node stands, for people. */
export interface EpochsView extends NodeState {
  shards: Readonly<Record<ShardRecord['state'], number>>
}

/** What epochs mean for a node: shards are taken over, locked and given up, and the chain is told. */
export interface Epochs {
  /** what the node has to do with shards now */
  shards(): ReadonlyMap<ShardIndex, ShardRecord>
  view(): EpochsView
  /** What is to be noted in one batch with the event: that an epoch's beginning was heard of is known after a kill. */
  noted(event: ChainEvent): RecordOperation[]
  /** Notes what an event means; the work is done elsewhere. */
  onEvent(event: ChainEvent): void
  /** The chain has lost what was heard of it; what is to be noted with that. */
  forgotten(): RecordOperation[]
  /** What the chain has said up to the beginning of an epoch is known from others; what is to be noted with that. */
  jumped(epoch: Epoch): RecordOperation[]
  /** Events are about to be followed: nothing is planned until what this gives is called, once all until now were applied. */
  following(): Promise<() => void>
  /** Something that was missing may be there now, or needed no more. */
  recovered(): void
  start(): Promise<void>
  stop(): Promise<void>
}

const RETRY_MS = { firstMs: 200, maxMs: 10_000, jitter: 0.5 }
/** An RPC shows what its events have told within moments; one that does not for longer is worth a word. */
const BEHIND_MS = 15_000

/** The RPC does not show yet what an event has told. */
class RpcBehind extends Error {
  override readonly name = 'RpcBehind'
  readonly code = 'RPC_BEHIND'
}

export function createEpochs(components: EpochsComponents): Epochs {
  return new EventDrivenEpochs(components)
}

class EventDrivenEpochs implements Epochs {
  readonly #components: EpochsComponents
  readonly #book: ShardBook
  readonly #takers: ShardTakers
  readonly #attester: Attester
  readonly #news = new Notify()
  /** of the newest epoch whose beginning was heard of, by any earlier run as well */
  #state: NodeState = { state: 'standby', epoch: 0 as Epoch }
  /** the epoch whose beginning was heard of last; undefined while events are caught up with */
  #heard: Epoch | undefined
  /** the epoch for which a committee was selected last */
  #selected = 0 as Epoch
  /** shards whose slivers are to go */
  #remove: readonly ShardIndex[] = []
  #removing = new AbortController()
  /** committees that were planned for */
  #planned: Committees | undefined
  #stale = true
  readonly #background = new Background(signal => this.#run(signal))

  constructor(components: EpochsComponents) {
    this.#components = components
    const { records, onChange } = components
    this.#attester = new Attester({ ...components, onEnd: () => this.#news.notify() })
    this.#book = new ShardBook(records)
    this.#takers = new ShardTakers({
      components,
      book: this.#book,
      onLacking: onChange,
      onEnd: failed => {
        if (failed) this.#stale = true
        this.#news.notify()
      },
    })
  }

  shards(): ReadonlyMap<ShardIndex, ShardRecord> {
    return this.#book.all
  }

  view(): EpochsView {
    const shards = { active: 0, gaining: 0, locked: 0 }
    for (const { state } of this.#book.all.values()) shards[state]++
    return { ...this.#state, shards }
  }

  noted(event: ChainEvent): RecordOperation[] {
    if (event.type !== 'EpochChangeStart' || event.epoch < this.#state.epoch) return []
    const { state } = this.#state
    // whether it is whole for this one is not known yet
    this.#state = { state: state === 'active' ? 'recovering' : state, epoch: event.epoch }
    return [putState(this.#state)]
  }

  onEvent(event: ChainEvent): void {
    switch (event.type) {
      case 'EpochChangeStart':
        if (this.#heard !== undefined) this.#heard = event.epoch
        this.#changed()
        break
      case 'EpochParametersSelected':
        this.#selected = event.nextEpoch
        this.#changed()
        break
      case 'ShardsReceived':
        this.#received(event.epoch, event.shards)
        break
      case 'BlobDeleted':
      case 'InvalidBlobID':
        // it may have been the last that was missing
        if (this.#state.state === 'recovering') this.#news.notify()
        break
    }
  }

  /** There are other committees: what was planned for those before counts no more. */
  #changed(): void {
    this.#stale = true
    this.#removing.abort(new DOMException('committees change', 'AbortError'))
    this.#news.notify()
  }

  forgotten(): RecordOperation[] {
    this.#state = { ...this.#state, epoch: 0 as Epoch }
    return [putState(this.#state)]
  }

  jumped(epoch: Epoch): RecordOperation[] {
    const { state } = this.#state
    this.#state = { state: state === 'active' ? 'recovering' : state, epoch }
    return [putState(this.#state)]
  }

  async following(): Promise<() => void> {
    this.#heard = undefined
    // asked before the events are: all that led to this epoch is among those that are caught up with
    const { epoch } = await this.#components.committees.get()
    if (this.#state.epoch > 0 && epoch - this.#state.epoch >= 2) await this.#catchUp(epoch)
    return () => {
      // the RPC may be behind what was heard already
      this.#heard = Math.max(epoch, this.#state.epoch) as Epoch
      this.#changed()
    }
  }

  recovered(): void {
    this.#news.notify()
  }

  async start(): Promise<void> {
    this.#state = (await this.#components.records.state()) ?? this.#state
    await this.#book.load()
    this.#takers.start()
    this.#background.start()
  }

  async stop(): Promise<void> {
    await this.#background.stop()
    await this.#takers.stop()
    await this.#attester.stop()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#components
    const backoff = createBackoff({ ...RETRY_MS, random, timers: clock })
    const troubles = new Troubles(clock)
    while (!signal.aborted) {
      try {
        await this.#news.wait(signal)
        await this.#step(signal)
        backoff.reset()
        troubles.over()
      } catch (error) {
        if (signal.aborted) return
        if (troubles.isNews(error, error instanceof RpcBehind ? BEHIND_MS : 0))
          log.warn({ err: error, retryMs: backoff.nextMs }, 'epochs: a step was not done; will try again')
        this.#stale = true
        await backoff.pause(signal).catch(() => undefined)
        this.#news.notify()
      }
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const heard = this.#heard
    if (heard === undefined) return
    if (this.#stale || this.#planned === undefined) {
      this.#stale = false
      await this.#plan(heard, signal)
    }
    const planned = this.#planned
    if (planned?.epoch !== heard) return
    this.#takers.begin(planned)
    await this.#report(planned, signal)
    await this.#removeShards(signal)
    const isNewest = this.#components.committees.latest()?.epoch === heard
    if (isNewest && planned.next === undefined && this.#selected === heard + 1)
      throw new RpcBehind(
        `the chain does not show the committee that was selected for epoch ${this.#selected}`,
      )
  }

  /** Nothing is planned from what is older, or newer, than the events. */
  async #plan(heard: Epoch, signal: AbortSignal): Promise<void> {
    const { committees, nodeId, log, onChange } = this.#components
    const known = await committees.get({ fresh: true, signal })
    if (known.epoch < heard)
      throw new RpcBehind(`the chain shows epoch ${known.epoch} though ${heard} has begun`)
    // its event is on the way
    if (known.epoch > heard) return
    let remove: readonly ShardIndex[] = []
    // together and durable, before anything is done about it
    const change = await this.#book.change(records => {
      const plan = planShards({ nodeId, ...known, records })
      remove = plan.remove
      return plan.change
    })
    for (const [shard, record] of change)
      if (record?.state === 'locked') void this.#takers.giveUp('the shard was lost', shard)
    if (change.size > 0) {
      const count = (state: ShardRecord['state']) =>
        [...change.values()].filter(record => record?.state === state).length
      log.info(
        { epoch: known.epoch, gaining: count('gaining'), lost: count('locked') },
        'shards change hands',
      )
      onChange()
    }
    this.#remove = remove
    this.#planned = known
  }

  #received(epoch: Epoch, shards: readonly ShardIndex[]): void {
    this.#book
      .change(
        records =>
          new Map(
            shards.flatMap(shard => {
              const record = records.get(shard)
              if (record?.state !== 'locked' || record.received || epoch < record.epoch) return []
              return [[shard, { ...record, received: true as const }] as const]
            }),
          ),
      )
      .then(({ size }) => {
        if (size === 0) return
        this.#stale = true
        this.#news.notify()
      })
      // one that is not noted costs no more than that the shard is kept for longer
      .catch(error => this.#components.log.warn({ err: error }, 'that shards were received was not noted'))
  }

  /** Two epochs or more behind: events first, and then one plan for the newest committee. */
  async #catchUp(epoch: Epoch): Promise<void> {
    const { log, onChange } = this.#components
    log.warn({ from: this.#state.epoch, to: epoch }, 'catching up with the chain')
    void this.#takers.giveUp('the node catches up')
    await this.#setState({ state: 'catching-up', epoch: this.#state.epoch })
    onChange()
  }

  async #setState(state: NodeState): Promise<void> {
    // a later epoch was heard of meanwhile
    if (state.epoch < this.#state.epoch) return
    if (state.state === this.#state.state && state.epoch === this.#state.epoch) return
    await this.#components.records.commit([putState(state)])
    if (state.epoch < this.#state.epoch) return
    this.#components.log.info(state, 'node state')
    this.#state = state
  }

  async #report({ epoch, current }: Committees, signal: AbortSignal): Promise<void> {
    const { nodeId, records, blobs } = this.#components
    const mine = shardsOf(current, nodeId)
    if (mine.length === 0) return await this.#setState({ state: 'standby', epoch })
    const whole = await isWhole({ records, blobs, shards: this.#book.all, mine, epoch })
    signal.throwIfAborted()
    await this.#setState({ state: whole ? 'active' : 'recovering', epoch })
    if (whole && this.#heard === epoch) this.#attester.attempt(epoch)
  }

  async #removeShards(signal: AbortSignal): Promise<void> {
    const { nodeId, slivers, committees, log } = this.#components
    const shards = this.#remove
    this.#remove = []
    const removing = new AbortController()
    this.#removing = removing
    const either = anySignal(signal, removing.signal)
    for (const shard of shards) {
      signal.throwIfAborted()
      const { current, next } = committees.latest() ?? {}
      const owned = [current, next].flatMap(one => (one === undefined ? [] : shardsOf(one, nodeId)))
      // one that comes back may take uploads before the events say so
      if (removing.signal.aborted || owned.includes(shard)) return
      try {
        await this.#takers.giveUp('the shard is removed', shard)
        await slivers.deleteShard(shard, { signal: either })
      } catch (error) {
        if (removing.signal.aborted && !signal.aborted) return
        throw error
      }
      await this.#book.change(() => new Map([[shard, undefined]]))
      log.debug({ shard }, 'a shard that others have now was removed')
    }
  }
}
