/** The node that has the shard: a process of its own, so that both ends have a core. Ends with its parent. */
import { randomBytes } from 'node:crypto'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { createAdaptiveCodec, pairOfShard } from '../../../codec/index.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { openNodeStore } from '../../../node/storage/store/node-store.ts'
import { serveProtocols } from '../../../protocols/index.ts'
import { QUOTAS } from '../../../protocols/specs.ts'
import { fakeNode } from '../../protocols/support/fakes.ts'
import { quietLog, recordMetrics } from '../../protocols/support/quiet.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { BENCH, type HandoffCase } from './case.ts'

const { blobs, size } = JSON.parse(process.argv[2]!) as HandoffCase
const { network, nShards, shard } = BENCH
const folder = await temporaryFolder()
const store = await openNodeStore({
  path: folder.path,
  network,
  nShards,
  log: silentLog(),
  clock: systemClock,
})
const codec = createAdaptiveCodec()
const blobIds: string[] = []
for (let i = 0; i < blobs; i++) {
  const encoded = await codec.encode(randomBytes(size), nShards)
  const { blobId } = encoded.metadata
  const pair = pairOfShard(shard, blobId, nShards)
  await store.metadata.put(encoded.metadata)
  await store.slivers.putMany(
    (['primary', 'secondary'] as const).map(axis => ({
      blobId,
      ref: { pair, axis },
      bytes: encoded.sliver({ pair, axis }),
    })),
  )
  blobIds.push(blobId)
}
await codec.close()
const own = { clock: systemClock, random: Math.random, log: quietLog }
const libp2p = await createNetworkNode({
  network,
  roles: ['storage'],
  listen: ['/ip4/127.0.0.1/tcp/0'],
  ...own,
})
await serveProtocols(
  { libp2p, metrics: recordMetrics(), ...own },
  {
    ...fakeNode(),
    network,
    slivers: store.slivers,
    status: { ...fakeNode().status, metadata: blobId => store.metadata.get(blobId) },
    shards: {
      open: store.slivers.open.bind(store.slivers),
      async page({ after, maxBlobs }) {
        const entries = await store.slivers.listShard(shard, { after, limit: maxBlobs })
        return {
          blobs: entries.map(({ blobId }) => ({ blobId, pair: pairOfShard(shard, blobId, nShards) })),
          end: entries.length < maxBlobs,
        }
      },
    },
  },
  { quotas: { ...QUOTAS, peer: { ...QUOTAS.peer, bytesPerSecond: 1e12, burstBytes: 1e12 } } }, // measured, not limited
).start()
process.on('disconnect', async () => {
  await libp2p.stop()
  await store.close()
  await folder.remove()
  process.exit(0)
})
process.send?.({ peerId: libp2p.peerId.toString(), multiaddrs: libp2p.getMultiaddrs().map(String), blobIds })
