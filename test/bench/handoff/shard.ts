import { fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { createAdaptiveCodec } from '../../../codec/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { createPathDialer } from '../../../node/network/paths/path-dialer.ts'
import { createBlobLock } from '../../../node/storage/blob-lock.ts'
import { createBudget, upkeepLimits } from '../../../node/storage/budget.ts'
import { findLacking } from '../../../node/storage/epochs/find-lacking.ts'
import { takeShard } from '../../../node/storage/epochs/take-shard.ts'
import { createMissing } from '../../../node/storage/recovery/missing.ts'
import { openNodeStore } from '../../../node/storage/store/node-store.ts'
import { createPeerClient } from '../../../protocols/index.ts'
import { quietLog, recordMetrics } from '../../protocols/support/quiet.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import type { Row } from '../report/row.ts'
import { BENCH, certify, type HandoffCase } from './case.ts'

/** One shard of so many blobs, from a source that has nothing else to do. */
export async function measureShard(one: HandoffCase): Promise<Row> {
  const folder = await temporaryFolder()
  const source = fork(join(import.meta.dirname, 'source.ts'), [JSON.stringify(one)])
  const [started] = (await once(source, 'message')) as [
    { peerId: string; multiaddrs: string[]; blobIds: string[] },
  ]
  const { network, nShards, shard } = BENCH
  const store = await openNodeStore({
    path: folder.path,
    network,
    nShards,
    log: silentLog(),
    clock: systemClock,
  })
  const codec = createAdaptiveCodec()
  const budget = createBudget(upkeepLimits(availableParallelism()), systemClock)
  const own = { clock: systemClock, random: Math.random, log: quietLog }
  const libp2p = await createNetworkNode({ network, roles: ['storage'], ...own })
  const metrics = recordMetrics()
  const peers = createPeerClient(
    { dialer: createPathDialer({ libp2p, clock: systemClock }), metrics, ...own },
    { network },
  )
  try {
    await certify(store.blobs, started.blobIds)
    const lock = createBlobLock()
    const cpu = process.cpuUsage()
    const began = performance.now()
    const whole = await takeShard(
      {
        nShards,
        peers,
        book: { address: () => started },
        codec,
        slivers: store.slivers,
        metadata: store.metadata,
        blobs: store.blobs,
        lock,
        budget,
        expectRoom: async () => {},
        accuse: (_, what) => {
          throw new Error(`a wrong ${what}`)
        },
        clock: systemClock,
        log: silentLog(),
      },
      {
        shard,
        source: { nodeId: 'source' } as never,
        findSource: async () => undefined,
        epoch: () => 1 as Epoch,
        urgency: () => 'handoff',
        after: undefined,
        onPage: async () => {},
        signal: new AbortController().signal,
      },
    )
    if (!whole) throw new Error('the source was given up')
    const ms = performance.now() - began
    const { user, system } = process.cpuUsage(cpu)
    const restBegan = performance.now()
    const missing = createMissing({
      nShards,
      slivers: store.slivers,
      records: store.node,
      shards: () => new Map([[shard, { state: 'active', epoch: 1 as Epoch }]]),
      now: () => 0,
    })
    const lacking = await findLacking(
      { slivers: store.slivers, blobs: store.blobs, lock, missing, budget },
      [shard],
      1 as Epoch,
      new AbortController().signal,
    )
    if (lacking > 0) throw new Error(`${lacking} blobs are not whole`)
    const bytes = metrics.moved['shard-sync-client in'] ?? 0
    return {
      of: { ...one },
      took: {
        ms,
        cpuMs: (user + system) / 1000,
        afterPrefetchMs: performance.now() - restBegan,
        MiBPerSecond: bytes / 1024 / 1024 / (ms / 1000),
        blobsPerSecond: one.blobs / (ms / 1000),
        peakMiB: process.resourceUsage().maxRSS / 1024,
      },
    }
  } finally {
    peers.close()
    await libp2p.stop()
    await store.close()
    await codec.close()
    source.disconnect()
    await once(source, 'exit')
    await folder.remove()
  }
}
