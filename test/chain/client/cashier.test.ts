import assert from 'node:assert/strict'
import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { WalletCashier } from '../../../chain/client/cashier.ts'
import type { BuildTransaction } from '../../../chain/client/executor.ts'
import type { SessionComponents } from '../../../chain/client/session.ts'
import type { Wallet } from '../../../chain/types/index.ts'
import { anyObjectId } from '../../support/fake-chain.ts'

describe('what a wallet hands over', () => {
  it('is all that it has, in as many transactions as that takes, and its gas in the last', async () => {
    const wallet: Wallet = { address: anyObjectId(), signer: {} as Wallet['signer'] }
    let coins = Array.from({ length: 450 }, () => ({
      objectId: anyObjectId(),
      version: '1',
      digest: '1'.repeat(32),
      balance: '1',
    }))
    const nothing = { objects: [], hasNextPage: false, cursor: null }
    const client = {
      core: {
        listCoins: async () => ({ ...nothing, objects: coins }),
        listOwnedObjects: async () => nothing,
      },
    } as unknown as SuiGrpcClient
    const given: { objects: number; withGas: boolean }[] = []
    const run = async (_: Wallet, build: BuildTransaction) => {
      const tx = new Transaction()
      await build(tx, client)
      const [command] = tx.getData().commands
      const objects = command?.TransferObjects?.objects ?? assert.fail()
      const withGas = objects.some(({ $kind }) => $kind === 'GasCoin')
      given.push({ objects: objects.length, withGas })
      coins = coins.slice(objects.length)
      return { digest: String(given.length) }
    }
    const components = {
      network: { walType: '0x2::wal::WAL' },
      state: { originalPackageId: async () => anyObjectId() },
      executor: { run },
    } as unknown as SessionComponents
    const handed = await new WalletCashier(wallet, components).handOver(anyObjectId(), { coins: true })
    assert.deepEqual(given, [
      { objects: 200, withGas: false },
      { objects: 200, withGas: false },
      { objects: 51, withGas: true },
    ])
    assert.equal(handed.digest, '3')
  })
})
