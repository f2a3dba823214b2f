import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { normalizeStructTag } from '@mysten/sui/utils'
import { parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { Storage } from '../bindings/blob.ts'
import { decodeMove } from '../bindings/move.ts'
import type { StorageObject } from '../types/index.ts'
import { listOwned } from './objects.ts'

/** Every Storage object that the address owns: what is paid for and holds no blob. */
export async function readOwnedStorages(
  client: SuiGrpcClient,
  originalPackageId: ObjectId,
  owner: ObjectId,
): Promise<StorageObject[]> {
  const type = normalizeStructTag(`${originalPackageId}::storage_resource::Storage`)
  return (await listOwned(client, owner, type)).map(({ content }) => {
    const { id, start_epoch, end_epoch, storage_size } = decodeMove(Storage, content)
    return {
      id: parseObjectId(id),
      startEpoch: start_epoch as Epoch,
      endEpoch: end_epoch as Epoch,
      storageSize: BigInt(storage_size),
    }
  })
}

/** What is needed of a Storage object. */
export interface StorageNeed {
  /** the current one */
  epoch: number
  /** exclusive */
  endEpoch: number
  bytes: bigint
}

/**
 * The one to use for a blob from now on: of those that are large enough the one that saves most, and wastes least. What of it is
 * not needed is split off; epochs that it lacks are bought.
 */
export function chooseStorage(
  storages: readonly StorageObject[],
  { epoch, endEpoch, bytes }: StorageNeed,
): StorageObject | undefined {
  const saved = (storage: StorageObject) => Math.min(storage.endEpoch, endEpoch) - epoch
  const order = (a: StorageObject, b: StorageObject) =>
    saved(b) - saved(a) || Number(a.storageSize - b.storageSize) || a.endEpoch - b.endEpoch
  return storages
    .filter(({ startEpoch, endEpoch: end, storageSize }) => {
      return startEpoch <= epoch && end > epoch && storageSize >= bytes
    })
    .sort(order)[0]
}
