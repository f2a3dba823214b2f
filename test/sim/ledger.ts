import type { ChainEvent } from '../../chain/types/index.ts'
import type { BlobId, Epoch, ObjectId } from '../../codec/types.ts'

interface Held {
  endEpoch: Epoch
  certified: boolean
  isDeletable: boolean
}

/** What the network owes of one blob, told from the chain's events alone. */
export interface LedgerBlob {
  readonly blobId: BlobId
  readonly index: number
  /** Blob objects that were not deleted */
  readonly objects: Map<ObjectId, Held>
  /** since when it has been certified without a break */
  certifiedSince: Epoch | undefined
  /** the epoch in which the last of it ended by deletion */
  deletedIn: Epoch | undefined
}

/** All blobs of a run by what the chain has said of them. */
export class Ledger {
  readonly blobs: LedgerBlob[] = []
  #owed: { key: string; ids: readonly BlobId[] } | undefined
  readonly #byId = new Map<BlobId, LedgerBlob>()

  of(blobId: BlobId): LedgerBlob | undefined {
    return this.#byId.get(blobId)
  }

  /** Certified, paid for in the epoch and, when told so, certified before it. */
  isOwed(blob: LedgerBlob, epoch: number, before = Number.POSITIVE_INFINITY): boolean {
    if (blob.certifiedSince === undefined || blob.certifiedSince >= before) return false
    for (const { endEpoch, certified } of blob.objects.values())
      if (certified && endEpoch > epoch) return true
    return false
  }

  /** All that are; the same list until something happens to a blob. */
  owed(epoch: number, before?: number): readonly BlobId[] {
    const key = `${epoch} ${before}`
    if (this.#owed?.key !== key) {
      const blobs = this.blobs.filter(blob => this.isOwed(blob, epoch, before))
      this.#owed = { key, ids: blobs.map(({ blobId }) => blobId) }
    }
    return this.#owed.ids
  }

  /** From this epoch on nobody pays for it; undefined while somebody does, or ever did not. */
  endedIn(blob: LedgerBlob, epoch: number): number | undefined {
    const ends = [...blob.objects.values()].map(({ endEpoch }) => endEpoch)
    const end = Math.max(0, ...ends, blob.deletedIn ?? 0)
    return ends.some(one => one > epoch) ? undefined : end
  }

  apply(event: ChainEvent): void {
    if (!('blobId' in event)) return
    this.#owed = undefined
    const blob = this.#open(event.blobId)
    switch (event.type) {
      case 'BlobRegistered':
        this.#forgetEnded(blob, event.epoch)
        blob.objects.set(event.objectId, {
          endEpoch: event.endEpoch,
          certified: false,
          isDeletable: event.deletable,
        })
        break
      case 'BlobCertified':
        this.#forgetEnded(blob, event.epoch)
        blob.objects.set(event.objectId, {
          endEpoch: event.endEpoch,
          certified: true,
          isDeletable: event.deletable,
        })
        blob.certifiedSince ??= event.epoch
        break
      case 'BlobDeleted':
        blob.objects.delete(event.objectId)
        blob.deletedIn = event.epoch
        this.#forgetEnded(blob, event.epoch)
        break
    }
  }

  #forgetEnded(blob: LedgerBlob, epoch: number): void {
    if (!this.isOwed(blob, epoch)) blob.certifiedSince = undefined
  }

  #open(blobId: BlobId): LedgerBlob {
    const known = this.#byId.get(blobId)
    if (known !== undefined) return known
    const blob: LedgerBlob = {
      blobId,
      index: this.blobs.length,
      objects: new Map(),
      certifiedSince: undefined,
      deletedIn: undefined,
    }
    this.blobs.push(blob)
    this.#byId.set(blobId, blob)
    return blob
  }
}
