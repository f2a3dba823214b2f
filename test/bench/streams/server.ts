/** The far side of the streams bench: a process of its own, so that both ends have a core. Ends with its parent. */
import { systemClock } from '../../../base/clock.ts'
import { parseObjectId } from '../../../codec/index.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { serveProtocols } from '../../../protocols/index.ts'
import { QUOTAS } from '../../../protocols/specs.ts'
import { createChannel } from '../../../protocols/stream/channel.ts'
import { fakeNode } from '../../protocols/support/fakes.ts'
import { quietLog, recordMetrics } from '../../protocols/support/quiet.ts'
import { BENCH_NETWORK, BODY_BYTES, PULL_BYTES } from './protocol.ts'

const network = parseObjectId(BENCH_NETWORK)
const libp2p = await createNetworkNode({
  clock: systemClock,
  random: Math.random,
  listen: ['/ip4/127.0.0.1/tcp/0'],
  network,
  roles: ['storage'],
  log: quietLog,
})
const body = new Uint8Array(BODY_BYTES).fill(7)

/** First a u32: how many bodies the client wants. */
await libp2p.handle(PULL_BYTES, async stream => {
  const channel = createChannel(stream, systemClock)
  const count = new DataView((await channel.reader.exact(4)).buffer).getUint32(0)
  for (let i = 0; i < count; i++) await channel.writer.write(body)
  await channel.close()
})

const node = fakeNode()
const read = async (offset: number, length: number): Promise<Uint8Array> =>
  body.subarray(offset, offset + length)
const slivers = { ...node.slivers, open: async () => ({ length: body.length, read }) }
await serveProtocols(
  { clock: systemClock, libp2p, log: quietLog, metrics: recordMetrics() },
  { ...node, slivers, network },
  { quotas: { ...QUOTAS, peer: { ...QUOTAS.peer, bytesPerSecond: 1e12, burstBytes: 1e12 } } }, // measured, not limited
).start()

process.on('disconnect', () => process.exit(0))
process.send?.({ peerId: libp2p.peerId.toString(), multiaddrs: libp2p.getMultiaddrs().map(String) })
