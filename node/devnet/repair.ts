import type { Log } from '../../base/log.ts'
import type { NetworkConfig } from '../../chain/types.ts'
import type { AbortOptions } from '../../protocols/ports.ts'
import { repairNodeStore } from '../store/repair.ts'
import { type DevnetLayout, nodeName } from './layout.ts'

/** Mends what can be mended of a devnet's stores, one after the other; nothing may run on them. */
export async function repairStores(
  layout: DevnetLayout,
  { systemObjectId, peers, nShards }: NetworkConfig,
  { log, signal }: AbortOptions & { log: Log },
): Promise<void> {
  if (nShards === undefined) return
  for (const i of peers.keys()) {
    const { store } = layout.node(nodeName(i))
    await repairNodeStore(store, { network: systemObjectId, nShards, log, ...(signal && { signal }) })
  }
}
