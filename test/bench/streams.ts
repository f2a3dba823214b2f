/**
 * Pull throughput between two processes over loopback: the stream kit beside libp2p's own iterator (which has no
 * back-pressure) on the same connection, then the whole fetch protocol.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../base/clock.ts'
import { parseObjectId } from '../../codec/index.ts'
import type { SliverPairIndex } from '../../codec/types.ts'
import { createNetworkNode, type NetworkNode } from '../../node/network/libp2p.ts'
import { createPathDialer } from '../../node/network/paths/path-dialer.ts'
import { createPeerClient, type PeerAddress } from '../../protocols/index.ts'
import { createChannel } from '../../protocols/stream/channel.ts'
import { blobId } from '../protocols/support/fakes.ts'
import { quietLog, recordMetrics } from '../protocols/support/quiet.ts'
import type { BenchOptions } from './main.ts'
import { BENCH_NETWORK, BODY_BYTES, PULL_BYTES } from './streams/protocol.ts'

const MIB = 1024 * 1024
const ROLES = { noise: 'client', tls: 'gateway' } as const
const network = parseObjectId(BENCH_NETWORK)

export async function run({ quick, report }: BenchOptions): Promise<void> {
  const count = quick ? 16 : 256
  const server = fork(join(import.meta.dirname, 'streams/server.ts'))
  try {
    const [address] = (await once(server, 'message')) as [PeerAddress]
    for (const encryption of ['tls', 'noise'] as const) {
      const libp2p = await createNetworkNode({
        clock: systemClock,
        random: Math.random,
        network,
        roles: [ROLES[encryption]],
        log: quietLog,
      })
      try {
        for (const [reader, pull] of Object.entries(pulls(libp2p, address))) {
          for (const streams of [1, 4]) {
            // once unmeasured: windows grow and code warms up
            await pull(Math.ceil(count / 8))
            const started = performance.now()
            await Promise.all(Array.from({ length: streams }, () => pull(count / streams)))
            const mibPerSecond = (count * BODY_BYTES) / MIB / ((performance.now() - started) / 1000)
            report({ of: { encryption, reader, streams }, took: { mibPerSecond } })
          }
        }
      } finally {
        await libp2p.stop()
      }
    }
  } finally {
    server.disconnect()
  }
}

/** Ways to pull so many bodies over one stream. */
function pulls(libp2p: NetworkNode, address: PeerAddress): Record<string, (count: number) => Promise<void>> {
  const open = async (protocol: string): Promise<Stream> => {
    const connection = await libp2p.dial(address.multiaddrs.map(text => multiaddr(text)))
    return connection.newStream(protocol)
  }
  const request = (count: number): Uint8Array => {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, count)
    return bytes
  }
  const client = createPeerClient(
    {
      clock: systemClock,
      dialer: createPathDialer({ libp2p, clock: systemClock }),
      log: quietLog,
      metrics: recordMetrics(),
    },
    { network },
  )
  return {
    async iterator(count) {
      const stream = await open(PULL_BYTES)
      stream.send(request(count))
      let received = 0
      // collected and copied, as anyone must who wants the bytes in one piece
      const body = new Uint8Array(BODY_BYTES)
      for await (const chunk of stream) {
        for (const part of chunk instanceof Uint8Array ? [chunk] : chunk) {
          const at = received % BODY_BYTES
          const fits = Math.min(part.length, BODY_BYTES - at)
          body.set(part.subarray(0, fits), at)
          body.set(part.subarray(fits), 0)
          received += part.length
        }
      }
      await stream.close()
      if (received !== count * BODY_BYTES) throw new Error(`${received} bytes received`)
    },
    async kit(count) {
      const channel = createChannel(await open(PULL_BYTES), systemClock)
      await channel.writer.write(request(count))
      for (let i = 0; i < count; i++) await channel.reader.exact(BODY_BYTES)
      await channel.close()
    },
    async fetch(count) {
      const items = Array.from({ length: count }, (_, pair) => ({
        blobId: blobId(1),
        ref: { pair: pair as SliverPairIndex, axis: 'primary' as const },
      }))
      for await (const { bytes } of client.fetch(address, items)) {
        if (bytes?.length !== BODY_BYTES) throw new Error('sliver missing')
      }
    },
  }
}
