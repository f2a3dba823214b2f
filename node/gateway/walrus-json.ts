import { defined } from '../../base/defined.ts'
import type { BlobObject } from '../../chain/types/index.ts'
import { type EncodedQuilt, quiltPatchId } from '../../codec/index.ts'
import type { BlobId } from '../../codec/types.ts'
import type { StoreResult } from '../client/types.ts'

type NewlyCreated = Extract<StoreResult, { kind: 'newlyCreated' }>

const ENCODING_NAMES: Record<number, string> = { 0: 'RedStuff', 1: 'RS2' }

/** What was stored, in the shape of Walrus's publisher. */
export function storeResultJson(result: StoreResult): object {
  if (result.kind === 'newlyCreated') {
    const { blob, costFrost, sharedBlob } = result
    return {
      newlyCreated: defined({
        blobObject: blobObjectJson(blob),
        resourceOperation: operationJson(result),
        cost: costFrost,
        sharedBlobObject: sharedBlob,
      }),
    }
  }
  const { blobId, event, objectId, endEpoch } = result
  // one of the two, as in Walrus. Nodes with records of earlier versions do not know the event
  const by = event ? { event } : objectId ? { object: objectId } : {}
  return { alreadyCertified: { blobId, ...by, endEpoch } }
}

function operationJson({ operation, encodedLength, epochsAhead }: NewlyCreated): object {
  if (operation.kind === 'registerFromScratch') return { registerFromScratch: { encodedLength, epochsAhead } }
  const { kind, ...more } = operation
  return { [kind]: { encodedLength, ...more } }
}

/** What was stored as a quilt, in the shape of Walrus's publisher. */
export function quiltStoreResultJson(result: StoreResult, patches: EncodedQuilt['patches']): object {
  return {
    blobStoreResult: storeResultJson(result),
    storedQuiltBlobs: quiltPatchesJson(result.blobId, patches),
  }
}

/** Where the files of a quilt are, in the same shape. */
export function quiltPatchesJson(quilt: BlobId, patches: EncodedQuilt['patches']): object[] {
  return patches.map(({ identifier, start, end }) => ({
    identifier,
    quiltPatchId: quiltPatchId({ quilt, start, end }),
    range: [start, end],
  }))
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
