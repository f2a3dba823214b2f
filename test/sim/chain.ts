import { defined } from '../../base/defined.ts'
import { ChainError } from '../../chain/errors.ts'
import type {
  BlobObject,
  ChainEvent,
  Committee,
  CommitteeMember,
  Committees,
  EpochRefusal,
  EpochTiming,
  NetworkConfig,
  SystemInfo,
} from '../../chain/types/index.ts'
import {
  type Bls,
  objectIdFromBytes,
  parseConfirmationMessage,
  verifyCertificate,
} from '../../codec/index.ts'
import type { BlobId, Certificate, Epoch, ObjectId, ShardIndex } from '../../codec/types.ts'
import { Abort, FROST, Model } from '../chain/contract/differential/model.ts'
import type { Committee as ModelCommittee } from '../chain/contract/differential/shards.ts'
import type { BareEvent } from '../support/fake-chain.ts'
import type { Random } from '../support/random.ts'
import type { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'

/** A node as the chain has it, in a committee or not. */
export type Seat = Omit<CommitteeMember, 'index' | 'shards'>

export interface SimChainInit {
  timeline: Timeline
  random: Random
  trace: Trace
  bls: Bls
  nShards: number
  /** all that will ever be registered */
  seats: readonly Seat[]
  epochMs: number
}

const TERMS = { rate: 0, storagePrice: 1_000n, writePrice: 1_000n, capacity: 2n ** 50n }

/**
 * The contract as a model: who has which shards, what an epoch's change takes, and what becomes of blobs. Stakes, committees and
 * the phases of an epoch are those of the model that `test/chain/contract/differential` holds against the contract.
 */
export class SimChain {
  readonly network: NetworkConfig
  readonly events: ChainEvent[] = []
  /** ms of the timeline at which each event happened */
  readonly times: number[] = []
  readonly blobs = new Map<ObjectId, BlobObject>()
  /** every committee that was in office, by epoch */
  readonly past = new Map<Epoch, Committee>()
  readonly model: Model
  /** every report that counted, as `node epoch` */
  readonly reports = new Set<string>()
  /** events before this one are not kept any more */
  lowest = 0
  /** how far its clock is ahead of the timeline */
  aheadMs = 0
  /** Called before a report counts, and with each event. */
  onReport: (nodeId: ObjectId, epoch: Epoch, lacked: readonly string[]) => Promise<void> = async () =>
    undefined
  /** When a node has decided to report: what it lacks then. */
  onReporting: (nodeId: ObjectId, epoch: Epoch) => Promise<readonly string[]> = async () => []
  onEvent: (event: ChainEvent) => void = () => undefined
  onReported: () => void = () => undefined
  /** Called with who reports and is no member. */
  onStranger: (nodeId: ObjectId, epoch: Epoch) => void = () => undefined
  /** calls to turn an epoch that came too late: somebody was first */
  late = 0
  onCertificate: (epoch: Epoch) => void = () => undefined
  readonly #init: SimChainInit
  readonly #seats: Seat[]
  readonly #numbers: ReadonlyMap<ObjectId, number>
  /** what there was to be seen, and from which ms of the timeline on */
  readonly #seen: { ms: number; committees: Committees }[] = []
  /** of the model's time */
  #steppedAt: number
  #sinceMs: number
  #changed = Promise.withResolvers<void>()

  constructor(init: SimChainInit) {
    this.#init = init
    const { seats, nShards, epochMs } = init
    this.#seats = [...seats]
    this.#numbers = new Map(seats.map(({ nodeId }, i) => [nodeId, i]))
    const ranks = new Map([...this.#numbers.keys()].sort().map((nodeId, rank) => [nodeId, rank]))
    const rank = (node: number): number => ranks.get(seats[node]!.nodeId)!
    // the contract has 150 members at most
    const maxMembers = Math.max(150, seats.length)
    const terms = seats.map(() => TERMS)
    this.model = new Model(nShards, terms, rank, { epochMs, maxMembers })
    this.network = {
      schemaVersion: 1,
      name: 'simulation',
      kind: 'localnet',
      suiRpc: [],
      systemObjectId: this.anyObjectId(),
      stakingObjectId: this.anyObjectId(),
      walType: '0x2::wal::WAL',
      peers: [],
    }
    this.#steppedAt = this.nowMs
    this.#sinceMs = this.nowMs
  }

  get nowMs(): number {
    return this.#init.timeline.clock.now() + this.aheadMs
  }

  get now(): Committees {
    return this.#seen.at(-1)!.committees
  }

  get epoch(): Epoch {
    return this.model.epoch as Epoch
  }

  get nShards(): number {
    return this.#init.nShards
  }

  /** Resolves at the next event. */
  get changed(): Promise<void> {
    return this.#changed.promise
  }

  anyObjectId(): ObjectId {
    return objectIdFromBytes(this.#init.random.bytes(32))
  }

  /** The first epoch, with these stakes in WAL by node. */
  begin(stakes: readonly number[]): void {
    for (const [node, wal] of stakes.entries()) if (wal > 0) this.model.stake(node, BigInt(wal) * FROST)
    this.model.select(0)
    this.model.begin(0)
    for (const node of this.model.committee.keys()) {
      this.model.report(node)
      this.reports.add(`${this.#init.seats[node]!.nodeId} 1`)
    }
    this.model.events.length = 0
    this.#show()
  }

  /** The ms of the timeline at which an epoch began. */
  beganAt(epoch: number): number | undefined {
    return this.#seen.find(({ committees }) => committees.epoch === epoch)?.ms
  }

  /** How it stood at a moment of the timeline. */
  at(ms: number): { committees: Committees; events: number } {
    const seen = this.#seen.findLast(one => one.ms <= ms) ?? this.#seen[0]!
    let events = this.events.length
    while (events > 0 && this.times[events - 1]! > ms) events--
    return { committees: seen.committees, events }
  }

  timing({ epoch, state }: Committees): EpochTiming {
    const { epochMs: durationMs } = this.#init
    const timing: EpochTiming = { epoch, state, nowMs: this.nowMs, durationMs }
    if (state.kind === 'done') timing.votingEndDueMs = state.sinceMs + durationMs / 2
    if (state.kind !== 'sync') timing.changeDueMs = state.sinceMs + durationMs
    return timing
  }

  system(): SystemInfo {
    return {
      epoch: this.epoch,
      nShards: this.nShards,
      storagePriceFrost: 1n,
      writePriceFrost: 1n,
      totalCapacityBytes: 1n << 50n,
      usedCapacityBytes: 0n,
      maxEpochsAhead: 53,
      epochDurationMs: this.#init.epochMs,
    }
  }

  // === Stake ===

  stake(nodeId: ObjectId, wal: number): void {
    this.model.stake(this.#numbers.get(nodeId)!, BigInt(wal) * FROST)
    this.#init.trace.note(`stake ${wal} with ${short(nodeId)}`)
  }

  /** FROST that are staked with a node, or were and are not paid out. */
  stakeOf(nodeId: ObjectId): bigint {
    const node = this.#numbers.get(nodeId)
    return this.model.stakes.reduce(
      (sum, stake) => sum + (stake?.node === node && stake?.leaves === undefined ? stake!.principal : 0n),
      0n,
    )
  }

  /** Gives notice of every stake with a node. */
  unstake(nodeId: ObjectId): void {
    const node = this.#numbers.get(nodeId)
    for (const [i, stake] of this.model.stakes.entries()) {
      if (stake?.node !== node || stake?.leaves !== undefined) continue
      try {
        this.model.request(i)
      } catch (error) {
        if (!(error instanceof Abort)) throw error
        this.model.withdraw(i)
      }
    }
    this.#init.trace.note(`unstake ${short(nodeId)}`)
  }

  /** Pays out what may be paid out. */
  payOut(): void {
    for (const [i, stake] of this.model.stakes.entries())
      if (stake?.leaves !== undefined && stake.leaves <= this.epoch) this.model.withdraw(i)
  }

  // === Epochs ===

  votingEnd(epoch: Epoch): void {
    if (epoch !== this.epoch || this.model.selected) throw this.#tooLate()
    this.#step(ms => this.model.select(ms))
  }

  initiateEpochChange(epoch: Epoch): void {
    if (epoch !== this.epoch) throw this.#tooLate()
    if (!this.model.selected) throw refused('TOO_EARLY')
    this.#step(ms => this.model.begin(ms))
    this.payOut()
  }

  /** `lacked`: by the node when it decided to. */
  async report(nodeId: ObjectId, epoch: Epoch, lacked: readonly string[]): Promise<void> {
    const node = this.#numbers.get(nodeId)!
    const key = `${nodeId} ${epoch}`
    const expect = (): void => {
      if (epoch !== this.epoch) throw refused('EPOCH_OVER')
      if (!this.model.isMember(node)) {
        this.onStranger(nodeId, epoch)
        throw refused('NOT_A_MEMBER')
      }
      if (this.reports.has(key)) throw refused('DONE_BEFORE')
    }
    expect()
    await this.onReport(nodeId, epoch, lacked)
    expect()
    this.#step(ms => this.model.report(node, epoch, ms))
    this.reports.add(key)
    this.onReported()
  }

  #tooLate(): ChainError {
    this.late++
    return refused('DONE_BEFORE')
  }

  #step(take: (ms: number) => void): void {
    const now = this.nowMs
    try {
      take(Math.max(0, now - this.#steppedAt))
    } catch (error) {
      if (error instanceof Abort && error.message.endsWith('EWrongEpochState')) throw refused('TOO_EARLY')
      throw error
    }
    this.#steppedAt = now
    this.#show()
  }

  /** What the model has done, for all to see. */
  #show(): void {
    const told = this.model.events.splice(0)
    if (told.some(({ type }) => type === 'EpochChangeDone') || this.#seen.length === 0)
      this.#sinceMs = this.nowMs
    const { epoch } = this
    const before = this.#seen.at(-1)?.committees
    const isNew = before?.epoch !== epoch
    // with the keys with which it was selected
    const current = isNew ? (before?.next ?? this.#committee(epoch, this.model.committee)) : before.current
    const { next: selected } = this.model
    const next = selected && (before?.next ?? this.#committee((epoch + 1) as Epoch, selected))
    const previous = isNew ? before?.current : before.previous
    const weight = this.model.syncing
    const since = { sinceMs: this.#sinceMs }
    const done = next === undefined ? ('done' as const) : ('next-params-selected' as const)
    const state = weight === undefined ? { kind: done, ...since } : { kind: 'sync' as const, weight }
    this.past.set(epoch, current)
    this.#seen.push({
      ms: this.#init.timeline.ms,
      committees: defined({ epoch, state, current, previous, next }),
    })
    for (const event of told) this.emit(event as BareEvent)
  }

  #committee(epoch: Epoch, members: ModelCommittee): Committee {
    return {
      epoch,
      nShards: this.nShards,
      members: [...members].map(([node, shards], index) => ({
        ...this.#seats[node]!,
        index,
        shards: shards as ShardIndex[],
      })),
    }
  }

  /** From the next committee on that is selected. */
  setBlsKey(nodeId: ObjectId, blsPublicKey: Uint8Array): void {
    const node = this.#numbers.get(nodeId)!
    this.#seats[node] = { ...this.#seats[node]!, blsPublicKey }
  }

  /** At once, in all committees in which it is. */
  setNetworkKey(nodeId: ObjectId, networkPublicKey: Uint8Array): void {
    const node = this.#numbers.get(nodeId)!
    this.#seats[node] = { ...this.#seats[node]!, networkPublicKey }
    const renewed = (committee: Committee): Committee => ({
      ...committee,
      members: committee.members.map(one => (one.nodeId === nodeId ? { ...one, networkPublicKey } : one)),
    })
    const { current, previous, next, ...rest } = this.now
    this.#seen.push({
      ms: this.#init.timeline.ms,
      committees: defined({
        ...rest,
        current: renewed(current),
        previous: previous && renewed(previous),
        next: next && renewed(next),
      }),
    })
  }

  /** Drops the events before an epoch began, as full nodes do. */
  pruneBefore(epoch: number): void {
    const isBeginning = (event: ChainEvent): boolean =>
      event.type === 'EpochChangeStart' && event.epoch === epoch
    this.lowest = Math.max(this.lowest, this.events.findIndex(isBeginning))
    this.#wake()
  }

  // === Blobs ===

  register(
    blobId: BlobId,
    owner: ObjectId,
    init: { size: number; epochs: number; deletable: boolean },
  ): BlobObject {
    const { size, epochs, deletable } = init
    const endEpoch = (this.epoch + epochs) as Epoch
    const objectId = this.anyObjectId()
    const { epoch } = this
    const storage = { id: this.anyObjectId(), startEpoch: epoch, endEpoch, storageSize: 1n }
    const blob: BlobObject = {
      objectId,
      blobId,
      registeredEpoch: epoch,
      size,
      encodingType: 1,
      deletable,
      storage,
      owner,
    }
    this.blobs.set(objectId, blob)
    this.emit({ type: 'BlobRegistered', epoch, blobId, size, endEpoch, deletable, objectId })
    return blob
  }

  certify(objectId: ObjectId, certificate: Certificate): BlobObject {
    const blob = this.#expectLive(objectId)
    if (blob.certifiedEpoch !== undefined) return blob
    const { current } = this.now
    if (certificate.epoch !== this.epoch) throw aborted('messages', 'EIncorrectEpoch')
    const members = current.members.map(({ blsPublicKey, shards }) => ({
      publicKey: blsPublicKey,
      weight: shards.length,
    }))
    verifyCertificate({ bls: this.#init.bls, certificate, nShards: this.nShards, members })
    this.onCertificate(parseConfirmationMessage(certificate.message).epoch)
    return this.setCertified(objectId)
  }

  /** Without a certificate: for what was there from the beginning. */
  setCertified(objectId: ObjectId): BlobObject {
    const blob: BlobObject = { ...this.blobs.get(objectId)!, certifiedEpoch: this.epoch }
    this.blobs.set(objectId, blob)
    this.#emitCertified(blob, false)
    return blob
  }

  extend(objectId: ObjectId, epochs: number): BlobObject {
    const blob = this.#expectLive(objectId)
    const endEpoch = (blob.storage.endEpoch + epochs) as Epoch
    const longer: BlobObject = { ...blob, storage: { ...blob.storage, endEpoch } }
    this.blobs.set(objectId, longer)
    this.#emitCertified(longer, true)
    return longer
  }

  delete(objectId: ObjectId): void {
    const { blobId, storage, certifiedEpoch } = this.#expectLive(objectId)
    this.blobs.delete(objectId)
    const { endEpoch } = storage
    const wasCertified = certifiedEpoch !== undefined
    this.emit({ type: 'BlobDeleted', epoch: this.epoch, blobId, endEpoch, objectId, wasCertified })
  }

  #expectLive(objectId: ObjectId): BlobObject {
    const blob = this.blobs.get(objectId)
    if (blob === undefined) throw new ChainError('NOT_FOUND', 'no such blob', { objectId })
    if (blob.storage.endEpoch <= this.epoch) throw aborted('blob', 'EResourceBounds')
    return blob
  }

  #emitCertified({ blobId, storage, deletable, objectId }: BlobObject, isExtension: boolean): void {
    const { epoch } = this
    const { endEpoch } = storage
    this.emit({ type: 'BlobCertified', epoch, blobId, endEpoch, deletable, objectId, isExtension })
  }

  emit(event: BareEvent): void {
    const { timeline, trace } = this.#init
    const count = this.events.length + 1
    const where = { digest: `digest-${count}`, eventIndex: 0, checkpoint: BigInt(count) }
    const full = { ...event, cursor: String(count), ...where, timestampMs: this.nowMs } as ChainEvent
    this.events.push(full)
    this.times.push(timeline.ms)
    const about = 'blobId' in event ? ` ${event.blobId.slice(0, 8)}` : ''
    trace.note(`chain ${event.type}${about} in ${this.epoch}`)
    this.onEvent(full)
    this.#wake()
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

export const short = (id: string): string => id.slice(2, 8)

function refused(refusal: EpochRefusal): ChainError {
  const details = { module: 'staking_inner', name: refusal, abortCode: 1n, refusal }
  return new ChainError('MOVE_ABORT', `refused: ${refusal}`, details)
}

function aborted(module: string, name: string): ChainError {
  return new ChainError('MOVE_ABORT', `${module} aborted with ${name}`, { module, name, abortCode: 1n })
}
