import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { NetworkConfig } from '../../chain/types/index.ts'
import type { AbortOptions } from '../../protocols/ports.ts'
import { repairNodeStore } from '../storage/store/repair.ts'
import { type DevnetLayout, nodeName } from './layout.ts'

/** Mends what can be mended of a network's chain and its nodes' stores; nothing may run on them. Throws StoreError. */
export async function repairStores(
  layout: DevnetLayout,
  { systemObjectId, peers, nShards }: NetworkConfig,
  { clock, log, signal }: AbortOptions & { clock: Clock; log: Log },
): Promise<void> {
  const { repairLedger } = await import('../../chain/localnet/index.ts')
  log.info({ path: layout.localnet, ...(await repairLedger(layout.localnet)) }, 'repaired the chain')
  if (nShards === undefined) return
  for (const i of peers.keys()) {
    signal?.throwIfAborted()
    const { store } = layout.node(nodeName(i))
    await repairNodeStore(store, { network: systemObjectId, nShards, clock, log, signal })
  }
}
