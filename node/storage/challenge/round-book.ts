import { defined } from '../../../base/defined.ts'
import type { ChainEvent } from '../../../chain/types/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { isOwedSince } from '../epochs/whole.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { applyBlobEvent, blobOfEvent } from '../store/blob-state.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { RecordOperation } from '../store/records.ts'
import {
  dropRound,
  putRound,
  putRoundNode,
  putWasOwed,
  type RoundNode,
  type RoundRecord,
  type RoundRecords,
} from '../store/round-records.ts'

export interface RoundBookInit {
  rounds: Pick<RoundRecords, 'round' | 'nodes' | 'wasOwed' | 'begun'>
  blobs: Pick<BlobRecords, 'get'>
  metadata: Pick<MetadataStore, 'get'>
}

/**
 * What the chain's events tell of the newest round; written in the batch of each event. With an epoch's beginning the round of the one
 * before is over: whoever reads the chain again, or from a blob table on, comes to the opening anew.
 */
export class RoundBook {
  readonly #init: RoundBookInit
  #record: RoundRecord | undefined
  #nodes = new Map<ObjectId, RoundNode>()

  constructor(init: RoundBookInit) {
    this.#init = init
  }

  /** Undefined while there is none in the present epoch. */
  get record(): RoundRecord | undefined {
    return this.#record
  }

  /** Who has committed, and to what; and who has passed. */
  get nodes(): ReadonlyMap<ObjectId, RoundNode> {
    return this.#nodes
  }

  async load(): Promise<void> {
    this.#record = await this.#init.rounds.round()
    this.#nodes = this.#record === undefined ? new Map() : await this.#init.rounds.nodes()
  }

  /** What is to be noted in one batch with an event. */
  async noted(event: ChainEvent): Promise<RecordOperation[]> {
    if (blobOfEvent(event) !== undefined) return await this.#blobNoted(event)
    const record = this.#recordAfter(event)
    if (record === undefined) return this.#record === undefined ? [] : [dropRound]
    if (event.type === 'ChallengeOpened') return await this.#init.rounds.begun(record)
    const node = this.#nodeAfter(event)
    if (node !== undefined) return [putRoundNode(...node)]
    return record === this.#record ? [] : [putRound(record)]
  }

  /** The event is written. True when what is asked of this node may be another thing now. */
  applied(event: ChainEvent): boolean {
    const record = this.#recordAfter(event)
    const node = this.#nodeAfter(event)
    if (event.type === 'ChallengeOpened' || record === undefined) this.#nodes = new Map()
    if (node !== undefined) this.#nodes.set(...node)
    const isNew = record !== this.#record
    this.#record = record
    return isNew
  }

  /** The chain has lost what was read of it, and is read from the beginning. */
  forgotten(): RecordOperation[] {
    this.#record = undefined
    this.#nodes = new Map()
    return [dropRound]
  }

  /** A blob that is owed in the round, or is not, will be or not be from here on. */
  async #blobNoted(event: ChainEvent): Promise<RecordOperation[]> {
    const epoch = this.#record?.epoch
    const blobId = blobOfEvent(event)!
    if (epoch === undefined || !('epoch' in event) || event.epoch !== epoch) return []
    const { blobs, metadata, rounds } = this.#init
    const before = await blobs.get(blobId)
    const owed = isOwedSince(before, epoch)
    if (owed === isOwedSince(applyBlobEvent(before, event), epoch)) return []
    if ((await rounds.wasOwed(blobId)) !== undefined) return []
    const size = before?.size ?? (await metadata.get(blobId))?.unencodedLength
    return [putWasOwed(blobId, defined({ owed, size }))]
  }

  #recordAfter(event: ChainEvent): RoundRecord | undefined {
    const record = this.#record
    switch (event.type) {
      case 'EpochChangeStart':
      case 'EpochChangeDone':
        return undefined
      case 'ChallengeOpened': {
        const { epoch, round, draws, commitUntilMs, passUntilMs } = event
        return { epoch, round, salt: hex(event.salt), draws, commitUntilMs, passUntilMs }
      }
      case 'ChallengeDrawn':
        return isOf(record, event) ? { ...record, seed: hex(event.seed) } : record
      default:
        return record
    }
  }

  #nodeAfter(event: ChainEvent): [ObjectId, RoundNode] | undefined {
    if (event.type === 'ChallengeCommitted' && isOf(this.#record, event))
      return [event.nodeId, { root: hex(event.root) }]
    if (event.type !== 'ChallengePassed' || !isOf(this.#record, event)) return undefined
    const node = this.#nodes.get(event.nodeId)
    return node && [event.nodeId, { ...node, passed: true }]
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const isOf = (
  record: RoundRecord | undefined,
  { epoch, round }: Pick<RoundRecord, 'epoch' | 'round'>,
): record is RoundRecord => record?.epoch === epoch && record.round === round
