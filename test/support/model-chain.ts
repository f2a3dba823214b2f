import { ChainError } from '../../chain/errors.ts'
import type {
  ChainEvent,
  Committee,
  CommitteeMember,
  Committees,
  EpochRefusal,
  EpochState,
  EpochTiming,
  EventCursor,
  FollowOptions,
} from '../../chain/types/index.ts'
import type { BlobId, Epoch, ObjectId, ShardIndex } from '../../codec/types.ts'
import { anyObjectId, type BareEvent } from './fake-chain.ts'

/** A node as the chain has it. */
export type Candidate = Omit<CommitteeMember, 'index' | 'shards'>

/** What the epochs of a chain come to: committees, events in order, and who has reported. Everything happens when it is told to. */
export class ModelChain {
  readonly events: ChainEvent[] = []
  readonly nShards: number
  readonly candidates: readonly Candidate[]
  /** every successful report, in order */
  readonly reports: { nodeId: ObjectId; epoch: Epoch }[] = []
  /** called before a report counts; throws when it must not be */
  onReport: (nodeId: ObjectId, epoch: Epoch) => Promise<void> = async () => undefined
  now: Committees
  /** when it is set, nodes turn epochs themselves: the shards that each has in an epoch, by its place */
  driven:
    | { epochMs: number; nowMs: () => number; shards: (epoch: number) => readonly (readonly number[])[] }
    | undefined
  #wake = Promise.withResolvers<void>()
  #lowest = 0

  constructor(nShards: number, candidates: readonly Candidate[], shards: readonly (readonly number[])[]) {
    this.nShards = nShards
    this.candidates = candidates
    const current = this.#committee(1 as Epoch, shards)
    this.now = { epoch: 1 as Epoch, state: { kind: 'done', sinceMs: 0 }, current }
  }

  #committee(epoch: Epoch, shards: readonly (readonly number[])[]): Committee {
    const members = this.candidates.flatMap((candidate, i) =>
      (shards[i] ?? []).length === 0 ? [] : [{ ...candidate, shards: [...shards[i]!] as ShardIndex[] }],
    )
    return { epoch, nShards: this.nShards, members: members.map((member, index) => ({ ...member, index })) }
  }

  emit(event: BareEvent): void {
    const count = this.events.length + 1
    const at = { digest: `digest-${count}`, eventIndex: 0, checkpoint: BigInt(count), timestampMs: count }
    this.events.push({ ...event, cursor: String(count), ...at } as ChainEvent)
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  /** The shards that each node has in the next epoch, by its place. */
  select(shards: readonly (readonly number[])[]): void {
    const next = this.#committee((this.now.epoch + 1) as Epoch, shards)
    this.now = { ...this.now, next, state: { kind: 'next-params-selected', sinceMs: this.#sinceMs() } }
    this.emit({ type: 'EpochParametersSelected', nextEpoch: next.epoch })
  }

  begin(): Epoch {
    const { next, current } = this.now
    if (next === undefined) throw new Error('no committee was selected')
    this.now = { epoch: next.epoch, state: { kind: 'sync', weight: 0 }, current: next, previous: current }
    this.emit({ type: 'EpochChangeStart', epoch: next.epoch })
    return next.epoch
  }

  async report(nodeId: ObjectId, epoch: Epoch): Promise<{ digest: string }> {
    const member = this.now.current.members.find(one => one.nodeId === nodeId)
    if (epoch !== this.now.epoch) throw refused('EPOCH_OVER')
    if (member === undefined) throw refused('NOT_A_MEMBER')
    if (this.hasReported(nodeId, epoch)) throw refused('DONE_BEFORE')
    await this.onReport(nodeId, epoch)
    this.reports.push({ nodeId, epoch })
    this.emit({ type: 'ShardsReceived', epoch, shards: member.shards })
    const weight = this.now.current.members
      .filter(one => this.hasReported(one.nodeId, epoch))
      .reduce((sum, { shards }) => sum + shards.length, 0)
    const isDone = 3 * weight >= 2 * this.nShards + 1
    if (this.now.state.kind === 'sync') {
      const state: EpochState = isDone ? { kind: 'done', sinceMs: this.#nowMs() } : { kind: 'sync', weight }
      this.now = { ...this.now, state }
      if (isDone) this.emit({ type: 'EpochChangeDone', epoch })
    }
    return { digest: 'digest' }
  }

  hasReported(nodeId: ObjectId, epoch: number): boolean {
    return this.reports.some(one => one.nodeId === nodeId && one.epoch === epoch)
  }

  timing(): EpochTiming {
    const { epoch, state } = this.now
    const { epochMs: durationMs = 1_000_000 } = this.driven ?? {}
    const timing = { epoch, state, nowMs: this.#nowMs(), durationMs }
    if (this.driven === undefined || state.kind === 'sync') return timing
    const sinceMs = this.#sinceMs()
    return { ...timing, votingEndDueMs: sinceMs + durationMs / 2, changeDueMs: sinceMs + durationMs }
  }

  #nowMs(): number {
    return this.driven?.nowMs() ?? 0
  }

  /** Since when the epoch counts. */
  #sinceMs(): number {
    const { state } = this.now
    return 'sinceMs' in state ? state.sinceMs : 0
  }

  /** As a node's transaction; the first one that is not too early does it. */
  async votingEnd(epoch: Epoch): Promise<{ digest: string }> {
    const { votingEndDueMs } = this.timing()
    if (epoch !== this.now.epoch || this.now.state.kind !== 'done') throw refused('DONE_BEFORE')
    if (votingEndDueMs === undefined || this.#nowMs() < votingEndDueMs) throw refused('TOO_EARLY')
    this.select(this.driven!.shards(epoch + 1))
    return { digest: 'digest' }
  }

  async initiateEpochChange(epoch: Epoch): Promise<{ digest: string }> {
    const { changeDueMs } = this.timing()
    if (epoch !== this.now.epoch || this.now.state.kind !== 'next-params-selected')
      throw refused('DONE_BEFORE')
    if (changeDueMs === undefined || this.#nowMs() < changeDueMs) throw refused('TOO_EARLY')
    this.begin()
    return { digest: 'digest' }
  }

  /** A node goes on with another network key, from its next transaction on. */
  setNetworkKey(nodeId: ObjectId, networkPublicKey: Uint8Array): void {
    const renewed = <T extends Committee | undefined>(committee: T): T =>
      committee && {
        ...committee,
        members: committee.members.map(one => (one.nodeId === nodeId ? { ...one, networkPublicKey } : one)),
      }
    Object.assign(this.candidates.find(one => one.nodeId === nodeId)!, { networkPublicKey })
    const { previous, current, next } = this.now
    this.now = {
      ...this.now,
      previous: renewed(previous),
      current: renewed<Committee>(current),
      next: renewed(next),
    }
  }

  /** Drops all events before the n-th, as a full node prunes. */
  prune(events: number): void {
    this.#lowest = events
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  isKept(cursor: EventCursor): boolean {
    return Number(cursor) >= this.#lowest
  }

  async *follow({ from, complete = false, signal, onCaughtUp }: FollowOptions): AsyncIterable<ChainEvent> {
    const aborted = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => aborted.resolve(), { once: true })
    const tip = this.events.length
    let caughtUp = onCaughtUp
    for (let next = Number(from ?? (complete ? 0 : this.#lowest)); !signal.aborted; ) {
      if (next < this.#lowest) {
        const details = { checkpoint: BigInt(next), lowest: BigInt(this.#lowest) }
        throw new ChainError('HISTORY_PRUNED', 'gone', details)
      }
      if (next >= tip) {
        caughtUp?.()
        caughtUp = undefined
      }
      const wake = this.#wake.promise
      if (next < this.events.length) yield this.events[next++]!
      else await Promise.race([wake, aborted.promise])
    }
  }

  register(blobId: BlobId, { endEpoch = 1_000 } = {}): ObjectId {
    const objectId = anyObjectId()
    const { epoch } = this.now
    const about = { blobId, endEpoch: endEpoch as Epoch, deletable: true, objectId }
    this.emit({ type: 'BlobRegistered', epoch, size: 1, ...about })
    return objectId
  }

  certify(blobId: BlobId, objectId: ObjectId, { endEpoch = 1_000, isExtension = false } = {}): void {
    const about = { blobId, endEpoch: endEpoch as Epoch, deletable: true, objectId, isExtension }
    this.emit({ type: 'BlobCertified', epoch: this.now.epoch, ...about })
  }

  delete(blobId: BlobId, objectId: ObjectId): void {
    const { epoch } = this.now
    this.emit({ type: 'BlobDeleted', epoch, blobId, endEpoch: 1_000 as Epoch, objectId, wasCertified: true })
  }
}

export function refused(refusal: EpochRefusal): ChainError {
  const details = { module: 'system', name: refusal, abortCode: 1n, refusal }
  return new ChainError('MOVE_ABORT', refusal, details)
}
