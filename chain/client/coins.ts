import type { SuiClientTypes } from '@mysten/sui/client'
import type { SuiGrpcClient } from '@mysten/sui/grpc'
import type { Transaction, TransactionObjectArgument } from '@mysten/sui/transactions'
import type { ObjectId } from '../../codec/types.ts'
import { formatWal } from '../amounts.ts'
import { ChainError } from '../errors.ts'

const PAGE_SIZE = 50
/** Sui takes 512 arguments of one command; far below it, as each coin also has to be read and sent. */
const MAX_COINS = 256

export interface Coin {
  objectId: string
  version: string
  digest: string
  balance: bigint
}

/** Every coin of the type that the address owns, largest first. */
export async function listCoins(client: SuiGrpcClient, owner: ObjectId, coinType: string): Promise<Coin[]> {
  const coins: Coin[] = []
  let cursor: string | null = null
  do {
    const page: SuiClientTypes.ListCoinsResponse = await client.core.listCoins({
      owner,
      coinType,
      cursor,
      limit: PAGE_SIZE,
    })
    for (const { objectId, version, digest, balance } of page.objects) {
      coins.push({ objectId, version, digest, balance: BigInt(balance) })
    }
    cursor = page.hasNextPage ? page.cursor : null
  } while (cursor !== null)
  return coins.sort((a, b) => (a.balance < b.balance ? 1 : a.balance > b.balance ? -1 : 0))
}

/** The fewest coins that hold `amountFrost`. Throws NOT_ENOUGH_WAL. */
export function selectWal(coins: readonly Coin[], amountFrost: bigint, owner: ObjectId): Coin[] {
  const selected: Coin[] = []
  let sum = 0n
  for (const coin of coins.slice(0, MAX_COINS)) {
    if (selected.length > 0 && sum >= amountFrost) break
    selected.push(coin)
    sum += coin.balance
  }
  if (sum >= amountFrost && selected.length > 0) return selected
  const availableFrost = coins.reduce((total, coin) => total + coin.balance, 0n)
  throw new ChainError(
    'NOT_ENOUGH_WAL',
    `${formatWal(amountFrost)} needed, ${owner} has ${formatWal(availableFrost)}`,
    { neededFrost: amountFrost, availableFrost, owner },
  )
}

/**
 * Splits exactly `amountFrost` off the coins: a price that rose meanwhile aborts, and never takes more than the caller
 * was told. `source` is the coin that keeps the rest.
 */
export function splitWal(
  tx: Transaction,
  coins: readonly Coin[],
  amountFrost: bigint,
): { coin: TransactionObjectArgument; source: TransactionObjectArgument } {
  const [source, ...rest] = coins.map(coin => tx.objectRef(coin))
  if (rest.length > 0) tx.mergeCoins(source!, rest)
  const [coin] = tx.splitCoins(source!, [amountFrost])
  return { coin: coin!, source: source! }
}
