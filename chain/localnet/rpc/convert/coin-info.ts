import { bcs } from '@mysten/sui/bcs'
import type { GrpcTypes } from '@mysten/sui/grpc'
import type { MoveObject } from '../../ledger/object.ts'

const CoinMetadata = bcs.struct('CoinMetadata', {
  id: bcs.Address,
  decimals: bcs.u8(),
  name: bcs.string(),
  symbol: bcs.string(),
  description: bcs.string(),
  iconUrl: bcs.option(bcs.string()),
})
const TreasuryCap = bcs.struct('TreasuryCap', { id: bcs.Address, totalSupply: bcs.u64() })

/** Of a `sui::coin::CoinMetadata<T>`. */
export function metadataMessage({ contents }: MoveObject): GrpcTypes.CoinMetadata {
  const { iconUrl, ...metadata } = CoinMetadata.parse(contents)
  return { ...metadata, iconUrl: iconUrl ?? undefined }
}

/** Of a `sui::coin::TreasuryCap<T>`. */
export function treasuryMessage({ contents }: MoveObject): GrpcTypes.CoinTreasury {
  const { id, totalSupply } = TreasuryCap.parse(contents)
  return { id, totalSupply: BigInt(totalSupply) }
}
