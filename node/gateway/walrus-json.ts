import type { BlobObject } from '../../chain/types/index.ts'
import type { StoreResult } from '../client/types.ts'

const ENCODING_NAMES: Record<number, string> = { 0: 'RedStuff', 1: 'RS2' }

/** What was stored, in the shape of Walrus's publisher. */
export function storeResultJson(result: StoreResult): object {
  if (result.kind === 'newlyCreated') {
    const { blob, encodedLength, epochsAhead, costFrost } = result
    return {
      newlyCreated: {
        blobObject: blobObjectJson(blob),
        resourceOperation: { registerFromScratch: { encodedLength, epochsAhead } },
        cost: costFrost,
      },
    }
  }
  const { blobId, event, objectId, endEpoch } = result
  // one of the two, as in Walrus. Nodes with records of earlier versions do not know the event
  const by = event ? { event } : objectId ? { object: objectId } : {}
  return { alreadyCertified: { blobId, ...by, endEpoch } }
}

/** A Blob object, in the shape of Walrus's publisher. */
export function blobObjectJson(blob: BlobObject): object {
  return {
    id: blob.objectId,
    registeredEpoch: blob.registeredEpoch,
    blobId: blob.blobId,
    size: blob.size,
    encodingType: ENCODING_NAMES[blob.encodingType] ?? String(blob.encodingType),
    certifiedEpoch: blob.certifiedEpoch ?? null,
    storage: blob.storage,
    deletable: blob.deletable,
  }
}
