import type { ChainEvent } from '../../../chain/types/index.ts'
import { isOwedSince } from '../epochs/whole.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { applyBlobEvent, blobOfEvent } from '../store/blob-state.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { RecordOperation } from '../store/records.ts'
import { putRound, putWasOwed, type RoundRecord, type RoundRecords } from '../store/round-records.ts'

export interface RoundBookInit {
  rounds: Pick<RoundRecords, 'round' | 'wasOwed' | 'begun'>
  blobs: Pick<BlobRecords, 'get'>
  metadata: Pick<MetadataStore, 'get'>
}

/** What the chain's events tell of the newest round; written in the batch of each event. */
export class RoundBook {
  readonly #init: RoundBookInit
  #record: RoundRecord | undefined

  constructor(init: RoundBookInit) {
    this.#init = init
  }

  /** Undefined before the first. */
  get record(): RoundRecord | undefined {
    return this.#record
  }

  async load(): Promise<void> {
    this.#record = await this.#init.rounds.round()
  }

  /** What is to be noted in one batch with an event. */
  async noted(event: ChainEvent): Promise<RecordOperation[]> {
    if (blobOfEvent(event) !== undefined) return await this.#blobNoted(event)
    const record = this.#after(event)
    if (record === undefined || record === this.#record) return []
    return event.type === 'ChallengeOpened' ? await this.#init.rounds.begun(record) : [putRound(record)]
  }

  /** The event is written. True when it has changed something. */
  applied(event: ChainEvent): boolean {
    const record = this.#after(event)
    const isNew = record !== this.#record
    this.#record = record
    return isNew
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
    return [putWasOwed(blobId, { owed, ...(size !== undefined && { size }) })]
  }

  #after(event: ChainEvent): RoundRecord | undefined {
    const record = this.#record
    switch (event.type) {
      case 'ChallengeOpened': {
        const { epoch, round, draws, commitUntilMs, passUntilMs } = event
        const isOld = record !== undefined && (epoch - record.epoch || round - record.round) <= 0
        if (isOld) return record
        const times = { commitUntilMs, passUntilMs }
        return { epoch, round, salt: hex(event.salt), draws, ...times, roots: {}, passed: [] }
      }
      case 'ChallengeCommitted':
        if (!isOf(record, event)) return record
        return { ...record, roots: { ...record.roots, [event.nodeId]: hex(event.root) } }
      case 'ChallengeDrawn':
        return isOf(record, event) ? { ...record, seed: hex(event.seed) } : record
      case 'ChallengePassed': {
        if (!isOf(record, event) || record.passed.includes(event.nodeId)) return record
        return { ...record, passed: [...record.passed, event.nodeId] }
      }
      default:
        return record
    }
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const isOf = (
  record: RoundRecord | undefined,
  { epoch, round }: Pick<RoundRecord, 'epoch' | 'round'>,
): record is RoundRecord => record?.epoch === epoch && record.round === round
