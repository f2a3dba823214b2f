import { SuiGrpcClient } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { generateWalletKey, keypairWallet } from '../../chain/index.ts'
import type { NetworkConfig, Wallet } from '../../chain/types/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { until } from '../e2e/support/epochs.ts'

const SUI = '0x2::sui::SUI'
/** Somebody else may be using the same coins: then it is done again. */
const LIMIT_MS = 60_000

/** Takes coins away from wallets that others use meanwhile, and gives them back. */
export class Purses {
  readonly #network: NetworkConfig
  readonly #sui: SuiGrpcClient
  /** that keeps what was taken */
  readonly #bank = keypairWallet(generateWalletKey())

  constructor(network: NetworkConfig) {
    this.#network = network
    this.#sui = new SuiGrpcClient({ network: 'localnet', baseUrl: network.suiRpc[0]! })
  }

  /** All SUI, for good. */
  async takeSui(from: Wallet): Promise<void> {
    await until('its SUI is taken', async () => {
      if ((await this.#coins(from.address, SUI)).length === 0) return true
      return await this.#send(from, tx => void tx.transferObjects([tx.gas], this.#bank.address))
    })
  }

  /** As much as the faucet gives. */
  async giveSui(to: ObjectId): Promise<void> {
    const response = await fetch(`${this.#network.faucet!.replace(/\/$/, '')}/v2/gas`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ FixedAmountRequest: { recipient: to } }),
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    if (!response.ok) throw new Error(`the faucet refused: ${await response.text()}`)
  }

  /** All WAL; `giveWal` brings it back. */
  async takeWal(from: Wallet): Promise<void> {
    await this.#moveWal(from, this.#bank.address)
  }

  async giveWal(to: ObjectId): Promise<void> {
    if ((await this.#coins(this.#bank.address, SUI)).length === 0) await this.giveSui(this.#bank.address)
    await this.#moveWal(this.#bank, to)
  }

  async #moveWal(from: Wallet, to: ObjectId): Promise<void> {
    await until(
      'WAL is moved',
      async () => {
        const coins = await this.#coins(from.address, this.#network.walType)
        if (coins.length === 0) return true
        await this.#send(
          from,
          tx =>
            void tx.transferObjects(
              coins.map(id => tx.object(id)),
              to,
            ),
        )
        return false
      },
      LIMIT_MS,
    )
  }

  async #coins(owner: ObjectId, coinType: string): Promise<string[]> {
    const { objects } = await this.#sui.core.listCoins({ owner, coinType })
    return objects.map(({ objectId }) => objectId)
  }

  /** False when somebody else was using the coins, or there is nothing to pay with. */
  async #send({ address, signer }: Wallet, add: (tx: Transaction) => void): Promise<boolean> {
    const transaction = new Transaction()
    transaction.setSender(address)
    add(transaction)
    try {
      const bytes = await transaction.build({ client: this.#sui })
      const { signature } = await signer.signTransaction(bytes)
      const result = await this.#sui.core.executeTransaction({ transaction: bytes, signatures: [signature] })
      if (result.$kind !== 'Transaction') return false
      await this.#sui.core.waitForTransaction({ digest: result.Transaction.digest })
      return true
    } catch {
      return false
    }
  }
}
