import type { Stream } from '@libp2p/interface'
import { systemClock } from '../../../base/clock.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import { NETWORK } from './fakes.ts'
import { quietLog } from './quiet.ts'

const PROTOCOL = '/floe-test/pair/1.0.0'

/** Real streams between two libp2p nodes over loopback. */
export interface StreamPairs {
  /** `inbound` as the handler gets it: whatever it attaches there comes in time. */
  open<T>(attach: (inbound: Stream) => T): Promise<{ outbound: Stream; inbound: Stream; attached: T }>
  stop(): Promise<void>
}

export async function streamPairs(): Promise<StreamPairs> {
  const options = { network: NETWORK, log: quietLog }
  const server: NetworkNode = await createNetworkNode({
    clock: systemClock,
    random: Math.random,
    ...options,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    roles: ['storage'],
  })
  const client: NetworkNode = await createNetworkNode({
    clock: systemClock,
    random: Math.random,
    ...options,
    roles: ['client'],
  })
  const connection = await client.dial(server.getMultiaddrs())
  return {
    async open(attach) {
      const accepted = Promise.withResolvers<{ inbound: Stream; attached: ReturnType<typeof attach> }>()
      await server.handle(PROTOCOL, inbound => accepted.resolve({ inbound, attached: attach(inbound) }))
      const outbound = await connection.newStream(PROTOCOL)
      const { inbound, attached } = await accepted.promise
      await server.unhandle(PROTOCOL)
      return { outbound, inbound, attached }
    },
    async stop() {
      await client.stop()
      await server.stop()
    },
  }
}
