import { parseObjectId } from '../../../codec/index.ts'
import type { BlobId, Epoch, ObjectId, ShardIndex } from '../../../codec/types.ts'
import type { BlobRecords } from '../../../node/storage/store/blob-records.ts'

export const BENCH = {
  network: parseObjectId(`0x${'be'.repeat(32)}`),
  nShards: 100,
  shard: 7 as ShardIndex,
}

export interface HandoffCase {
  blobs: number
  /** bytes of each */
  size: number
}

/** As if the chain had said that these are certified. */
export async function certify(
  records: Pick<BlobRecords, 'advance'>,
  blobIds: readonly string[],
): Promise<void> {
  for (const [i, id] of blobIds.entries()) {
    const registration = {
      objectId: `0x${i.toString(16).padStart(64, '0')}` as ObjectId,
      deletable: false,
      certified: true,
      endEpoch: 99 as Epoch,
    }
    const state = { registrations: [registration], initialCertifiedEpoch: 0 as Epoch }
    await records.advance(String(i), { blobId: id as BlobId, state })
  }
}
