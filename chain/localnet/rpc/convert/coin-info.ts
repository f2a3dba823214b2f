import { bcs } from '@mysten/sui/bcs'
import type { GrpcTypes } from '@mysten/sui/grpc'
import { SYSTEM } from '../../ledger/address.ts'
import type { Ledger } from '../../ledger/ledger.ts'
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
const RegulatedCoinMetadata = bcs.struct('RegulatedCoinMetadata', {
  id: bcs.Address,
  coinMetadataObject: bcs.Address,
  denyCapObject: bcs.Address,
})
/** Of `sui::coin_registry`, without the extra fields at its end. */
const Currency = bcs.struct('Currency', {
  id: bcs.Address,
  decimals: bcs.u8(),
  name: bcs.string(),
  symbol: bcs.string(),
  description: bcs.string(),
  iconUrl: bcs.string(),
  supply: bcs.option(bcs.enum('SupplyState', { Fixed: bcs.u64(), BurnOnly: bcs.u64(), Unknown: null })),
  regulated: bcs.enum('RegulatedState', {
    Regulated: bcs.struct('Regulated', {
      cap: bcs.Address,
      allowGlobalPause: bcs.option(bcs.bool()),
      variant: bcs.u8(),
    }),
    Unregulated: null,
    Unknown: null,
  }),
  treasuryCapId: bcs.option(bcs.Address),
  metadataCap: bcs.enum('MetadataCapState', { Claimed: bcs.Address, Unclaimed: null, Deleted: null }),
})

type CurrencyValue = ReturnType<typeof Currency.parse>

const CAP_STATE = { Claimed: 1, Unclaimed: 2, Deleted: 3 } as const
const SUPPLY_STATE = { Fixed: 1, BurnOnly: 2 } as const
const REGULATED_STATE = { Regulated: 1, Unregulated: 2, Unknown: 0 } as const

/** What the registry says of a currency, or its older objects do; undefined when there is neither. */
export function coinInfo({ objects }: Ledger, coinType: string): GrpcTypes.GetCoinInfoResponse | undefined {
  const record = (name: string) => objects.singleton(`${SYSTEM.sui}::${name}<${coinType}>`)
  const registered = record('coin_registry::Currency')
  // one that is not shared yet has older metadata along
  const currency = registered?.owner.kind === 'shared' ? Currency.parse(registered.contents) : undefined
  const metadata = record('coin::CoinMetadata')
  const treasury = record('coin::TreasuryCap')
  if (currency === undefined && metadata === undefined && treasury === undefined) return undefined
  return {
    coinType,
    metadata: currency !== undefined ? currencyMessage(currency) : metadata && metadataMessage(metadata),
    treasury: (currency && supplyMessage(currency)) ?? (treasury && treasuryMessage(treasury)),
    regulatedMetadata: regulatedMessage(currency, record('coin::RegulatedCoinMetadata')),
  }
}

function metadataMessage({ contents }: MoveObject): GrpcTypes.CoinMetadata {
  const { iconUrl, ...metadata } = CoinMetadata.parse(contents)
  return { ...metadata, iconUrl: iconUrl ?? undefined }
}

const currencyMessage = (currency: CurrencyValue): GrpcTypes.CoinMetadata => {
  const { id, decimals, name, symbol, description, iconUrl, metadataCap } = currency
  return {
    id,
    decimals,
    name,
    symbol,
    description,
    iconUrl: iconUrl === '' ? undefined : iconUrl,
    metadataCapId: metadataCap.Claimed,
    metadataCapState: CAP_STATE[metadataCap.$kind],
  }
}

function treasuryMessage({ contents }: MoveObject): GrpcTypes.CoinTreasury {
  const { id, totalSupply } = TreasuryCap.parse(contents)
  return { id, totalSupply: BigInt(totalSupply), supplyState: 0 }
}

/** A supply that was given up; others have a treasury cap. */
function supplyMessage({ supply, treasuryCapId }: CurrencyValue): GrpcTypes.CoinTreasury | undefined {
  if (supply === null || supply.$kind === 'Unknown') return undefined
  return {
    id: treasuryCapId ?? undefined,
    totalSupply: BigInt(supply.$kind === 'Fixed' ? supply.Fixed : supply.BurnOnly),
    supplyState: SUPPLY_STATE[supply.$kind],
  }
}

function regulatedMessage(
  currency: CurrencyValue | undefined,
  older: MoveObject | undefined,
): GrpcTypes.RegulatedCoinMetadata {
  if (currency?.regulated.$kind === 'Regulated') {
    const { cap, allowGlobalPause, variant } = currency.regulated.Regulated
    return {
      coinMetadataObject: currency.id,
      denyCapObject: cap,
      allowGlobalPause: allowGlobalPause ?? undefined,
      variant,
      coinRegulatedState: REGULATED_STATE.Regulated,
    }
  }
  if (older === undefined)
    return { coinRegulatedState: REGULATED_STATE[currency?.regulated.$kind ?? 'Unknown'] }
  return { ...RegulatedCoinMetadata.parse(older.contents), coinRegulatedState: REGULATED_STATE.Regulated }
}
