import type { SystemInfo } from '../../../chain/types/index.ts'
import { encodedSize, storageUnits } from '../../../codec/index.ts'

/** What storing a blob costs now in FROST, all of it bought: storage for the epochs, and writing once. */
export function priceFrost(
  { nShards, storagePriceFrost, writePriceFrost }: SystemInfo,
  sizeBytes: number,
  epochs: number,
): bigint {
  const units = BigInt(storageUnits(encodedSize(nShards, sizeBytes)))
  return units * (storagePriceFrost * BigInt(epochs) + writePriceFrost)
}
