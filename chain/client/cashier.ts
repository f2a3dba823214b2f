import type { Transaction, TransactionObjectArgument } from '@mysten/sui/transactions'
import type { ObjectId } from '../../codec/types.ts'
import type { CallOptions, Cashier, Payment, Wallet } from '../types/index.ts'
import { readOwnedBlobs } from './blobs.ts'
import { listCoins } from './coins.ts'
import { type SessionComponents, WalletSession } from './session.ts'

/** Far below what a transaction may name. */
const MAX_OBJECTS = 200

/** What a wallet does with its coins besides paying for blobs. */
export class WalletCashier implements Cashier {
  readonly #session: WalletSession

  constructor(wallet: Wallet, components: SessionComponents) {
    this.#session = new WalletSession(wallet, components)
  }

  get wallet(): Wallet {
    return this.#session.wallet
  }

  async pay(payments: readonly Payment[], options?: CallOptions): Promise<{ digest: string }> {
    const wal = payments.filter(({ frost }) => frost > 0n)
    const paySui = (tx: Transaction): void => {
      const sui = payments.filter(({ mist }) => mist > 0n)
      share(
        tx,
        tx.gas,
        sui.map(({ to, mist }) => ({ to, amount: mist })),
      )
    }
    // a wallet without WAL can send SUI
    if (wal.length === 0) return await this.#session.call(({ tx }) => paySui(tx), options)
    const { outcome } = await this.#session.pay(
      () => wal.reduce((sum, { frost }) => sum + frost, 0n),
      ({ tx }, { coin, source }) => {
        paySui(tx)
        share(
          tx,
          coin,
          wal.map(({ to, frost }) => ({ to, amount: frost })),
        )
        tx.mergeCoins(source, [coin])
      },
      options,
    )
    return { digest: outcome.digest }
  }

  async handOver(
    to: ObjectId,
    { coins, signal }: CallOptions & { coins: boolean },
  ): Promise<{ digest: string }> {
    const { network, state, executor } = this.#session.on
    const { wallet } = this
    const packageId = await state.originalPackageId({ signal })
    for (;;) {
      let isLast = true
      const { digest } = await executor.run(
        wallet,
        async (tx, client) => {
          const [blobs, wal] = await Promise.all([
            readOwnedBlobs(client, packageId, wallet.address),
            coins ? listCoins(client, wallet.address, network.walType) : [],
          ])
          const objects = [
            ...wal.map(coin => tx.objectRef(coin)),
            ...blobs.slice(0, MAX_OBJECTS).map(({ objectId }) => tx.object(objectId)),
          ].slice(0, MAX_OBJECTS)
          isLast = wal.length + blobs.length <= MAX_OBJECTS
          // what gas does not take of it, once nothing is left that needs gas
          tx.transferObjects(coins && isLast ? [...objects, tx.gas] : objects, to)
        },
        { signal },
      )
      if (isLast) return { digest }
    }
  }
}

/** Sends parts of a coin. */
function share(
  tx: Transaction,
  coin: TransactionObjectArgument,
  parts: readonly { to: ObjectId; amount: bigint }[],
): void {
  if (parts.length === 0) return
  const coins = tx.splitCoins(
    coin,
    parts.map(({ amount }) => amount),
  )
  for (const [i, { to }] of parts.entries()) tx.transferObjects([coins[i]!], to)
}
