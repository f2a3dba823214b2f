import { join } from 'node:path'
import { levelStore, repairStore } from './ledger/store/level.ts'
import { type LedgerReport, verifyLedger } from './ledger/verify.ts'

export type { LedgerReport } from './ledger/verify.ts'

/**
 * Makes the chain of a localnet's folder one that opens, where its database is damaged (MANIFEST or CURRENT lost, a bad
 * table): by Level's own repair, and a check of everything against the chain of checkpoints. What came back though it was
 * deleted is removed again. Nobody may have the folder open.
 * @throws LedgerStoreError LEDGER_DAMAGED when what is left is not a whole chain, STORE_LOCKED when it is open elsewhere
 */
export async function repairLedger(dir: string): Promise<LedgerReport> {
  const folder = join(dir, 'ledger')
  await repairStore(folder)
  const store = await levelStore(folder)
  try {
    return await verifyLedger(store, dir)
  } finally {
    await store.close()
  }
}
