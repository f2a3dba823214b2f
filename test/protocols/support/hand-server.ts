import { systemClock } from '../../../base/clock.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import type { PeerAddress } from '../../../protocols/index.ts'
import { SPECS } from '../../../protocols/specs.ts'
import { type Channel, createChannel } from '../../../protocols/stream/channel.ts'
import { ClientHello, type Message, ServerHello } from '../../../protocols/wire.ts'
import { NETWORK } from './fakes.ts'
import { quietLog } from './quiet.ts'

type Behaviour = (channel: Channel) => Promise<void>

/** A real peer that says what a test has it say, however wrong. */
export interface HandServer {
  libp2p: NetworkNode
  address: PeerAddress
  /** What it does from here on, once hellos are exchanged; in place of what it did before. */
  behave(protocol: keyof typeof SPECS, behaviour: Behaviour, network?: typeof NETWORK): Promise<void>
  /** The same once it was asked something that it understands. */
  answering(
    protocol: keyof typeof SPECS,
    request: Pick<Message<unknown>, 'decode'>,
    answer: Behaviour,
  ): Promise<void>
  /** It knows no protocol any more. */
  forget(): Promise<void>
  stop(): Promise<void>
}

const MAX_REQUEST_BYTES = 100_000

export async function createHandServer(): Promise<HandServer> {
  const libp2p = await createNetworkNode({
    clock: systemClock,
    random: Math.random,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    network: NETWORK,
    roles: ['storage'],
    log: quietLog,
  })
  const server: HandServer = {
    libp2p,
    address: { peerId: libp2p.peerId.toString(), multiaddrs: libp2p.getMultiaddrs().map(String) },
    async behave(protocol, behaviour, network = NETWORK) {
      const { id } = SPECS[protocol]
      await libp2p.unhandle(id)
      await libp2p.handle(id, async stream => {
        const channel = createChannel(stream, systemClock)
        try {
          ClientHello.decode(await channel.receive(256))
          await channel.send(ServerHello.encode({ network }))
          await behaviour(channel)
          await channel.close({ timeoutMs: 5_000 })
        } catch (error) {
          channel.abort(error instanceof Error ? error : new Error('failed'))
        }
      })
    },
    answering: (protocol, request, answer) =>
      server.behave(protocol, async channel => {
        request.decode(await channel.receive(MAX_REQUEST_BYTES))
        await answer(channel)
      }),
    async forget() {
      for (const { id } of Object.values(SPECS)) await libp2p.unhandle(id)
    },
    stop: async () => await libp2p.stop(),
  }
  return server
}
