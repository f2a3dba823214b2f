import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { normalizeStructTag } from '@mysten/sui/utils'
import { blobIdFromU256, parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { Blob } from '../bindings/blob.ts'
import { decodeMove, safeNumber } from '../bindings/move.ts'
import type { BlobObject } from '../types.ts'
import { fetchObjects, listOwned, type RawObject } from './objects.ts'

/** Type of Blob objects, in its normal form. */
export function blobType(originalPackageId: ObjectId): string {
  return normalizeStructTag(`${originalPackageId}::blob::Blob`)
}

/** The Blob object, or undefined when there is none of this ID (any more) or it is of another type. */
export async function readBlob(
  client: SuiGrpcClient,
  originalPackageId: ObjectId,
  objectId: ObjectId,
): Promise<{ blob: BlobObject; version: bigint } | undefined> {
  const [object] = await fetchObjects(client, [objectId])
  if (!object || normalizeStructTag(object.type) !== blobType(originalPackageId)) return undefined
  return { blob: toBlobObject(object), version: BigInt(object.version) }
}

/** Every Blob object that the address owns. */
export async function readOwnedBlobs(
  client: SuiGrpcClient,
  originalPackageId: ObjectId,
  owner: ObjectId,
): Promise<BlobObject[]> {
  const objects = await listOwned(client, owner, blobType(originalPackageId))
  return objects.map(toBlobObject)
}

function toBlobObject(object: Pick<RawObject, 'content' | 'owner'>): BlobObject {
  const blob = decodeMove(Blob, object.content)
  const owner = object.owner.$kind === 'AddressOwner' ? parseObjectId(object.owner.AddressOwner) : undefined
  return {
    objectId: parseObjectId(blob.id),
    blobId: blobIdFromU256(BigInt(blob.blob_id)),
    registeredEpoch: blob.registered_epoch as Epoch,
    ...(blob.certified_epoch !== null && { certifiedEpoch: blob.certified_epoch as Epoch }),
    size: safeNumber(blob.size, 'size of a blob'),
    encodingType: blob.encoding_type,
    deletable: blob.deletable,
    storage: {
      id: parseObjectId(blob.storage.id),
      startEpoch: blob.storage.start_epoch as Epoch,
      endEpoch: blob.storage.end_epoch as Epoch,
      storageSize: BigInt(blob.storage.storage_size),
    },
    ...(owner && { owner }),
  }
}
