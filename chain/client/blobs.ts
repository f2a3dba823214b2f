import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { normalizeStructTag } from '@mysten/sui/utils'
import { defined } from '../../base/defined.ts'
import { blobIdFromU256, parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { Blob, PooledBlob, SharedBlob as SharedBlobStruct } from '../bindings/blob.ts'
import { decodeMove, safeNumber } from '../bindings/move.ts'
import type { BlobObject, BlobReference, ContractPackages, SharedBlob } from '../types/index.ts'
import { fetchObjects, listOwned, listOwnedPage, type RawObject } from './objects.ts'

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

/** The shared blob, or undefined when there is none of this ID or it is of another type. */
export async function readSharedBlob(
  client: SuiGrpcClient,
  originalPackageId: ObjectId,
  objectId: ObjectId,
): Promise<SharedBlob | undefined> {
  const [object] = await fetchObjects(client, [objectId])
  const type = normalizeStructTag(`${originalPackageId}::shared_blob::SharedBlob`)
  if (!object || normalizeStructTag(object.type) !== type) return undefined
  const { id, blob, funds } = decodeMove(SharedBlobStruct, object.content)
  return { objectId: parseObjectId(id), blob: blobObjectOf(blob), fundsFrost: BigInt(funds.value) }
}

/** The blob that an object of any of the three kinds stands for; undefined when it is none, or there is none of this ID. */
export async function readReference(
  client: SuiGrpcClient,
  { originalPackageId, packageId }: Pick<ContractPackages, 'originalPackageId' | 'packageId'>,
  objectId: ObjectId,
): Promise<BlobReference | undefined> {
  const [object] = await fetchObjects(client, [objectId])
  if (!object) return undefined
  const type = normalizeStructTag(object.type)
  const is = (name: string) =>
    [originalPackageId, packageId].some(address => type === normalizeStructTag(`${address}::${name}`))
  if (is('blob::Blob')) return { kind: 'owned', ...pick(decodeMove(Blob, object.content)) }
  if (is('shared_blob::SharedBlob'))
    return { kind: 'shared', ...pick(decodeMove(SharedBlobStruct, object.content).blob) }
  if (is('storage_pool::PooledBlob'))
    return { kind: 'pooled', ...pick(decodeMove(PooledBlob, object.content)) }
  return undefined
}

const pick = ({ id, blob_id }: { id: string; blob_id: string }) => ({
  blobId: blobIdFromU256(BigInt(blob_id)),
  attributesOf: parseObjectId(id),
})

/** Every Blob object that the address owns. */
export async function readOwnedBlobs(
  client: SuiGrpcClient,
  originalPackageId: ObjectId,
  owner: ObjectId,
): Promise<BlobObject[]> {
  const objects = await listOwned(client, owner, blobType(originalPackageId))
  return objects.map(toBlobObject)
}

/** A page of them, 50 at most. */
export async function readOwnedPage(
  client: SuiGrpcClient,
  originalPackageId: ObjectId,
  owner: ObjectId,
  page: { cursor: string | undefined; limit: number },
): Promise<{ blobs: BlobObject[]; next: string | undefined }> {
  const { objects, next } = await listOwnedPage(client, owner, blobType(originalPackageId), page)
  return { blobs: objects.map(toBlobObject), next }
}

function toBlobObject(object: Pick<RawObject, 'content' | 'owner'>): BlobObject {
  const blob = blobObjectOf(decodeMove(Blob, object.content))
  return object.owner.$kind === 'AddressOwner'
    ? { ...blob, owner: parseObjectId(object.owner.AddressOwner) }
    : blob
}

function blobObjectOf(blob: ReturnType<typeof Blob.parse>): BlobObject {
  return defined({
    objectId: parseObjectId(blob.id),
    blobId: blobIdFromU256(BigInt(blob.blob_id)),
    registeredEpoch: blob.registered_epoch as Epoch,
    certifiedEpoch: blob.certified_epoch === null ? undefined : (blob.certified_epoch as Epoch),
    size: safeNumber(blob.size, 'size of a blob'),
    encodingType: blob.encoding_type,
    deletable: blob.deletable,
    storage: {
      id: parseObjectId(blob.storage.id),
      startEpoch: blob.storage.start_epoch as Epoch,
      endEpoch: blob.storage.end_epoch as Epoch,
      storageSize: BigInt(blob.storage.storage_size),
    },
  })
}
