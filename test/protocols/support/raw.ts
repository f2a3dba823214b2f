import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../base/clock.ts'
import type { ObjectId } from '../../../codec/types.ts'
import type { NetworkNode } from '../../../node/network/libp2p.ts'
import { type PeerAddress, ProtocolError } from '../../../protocols/index.ts'
import { SPECS } from '../../../protocols/specs.ts'
import { type Channel, createChannel } from '../../../protocols/stream/channel.ts'
import { ClientHello, type Message, ServerHello } from '../../../protocols/wire.ts'
import { NETWORK } from './fakes.ts'

/** A stream on which a test speaks for itself. */
export interface RawStream extends Channel {
  stream: Stream
  connection: Connection
  /** The error that the server sends next, and nothing else. The stream is over then. */
  refusal(): Promise<ProtocolError>
}

const LIMITS = { timeoutMs: 5_000 }

export async function openRaw(
  libp2p: NetworkNode,
  { multiaddrs }: PeerAddress,
  protocol: keyof typeof SPECS,
): Promise<RawStream> {
  const connection = await libp2p.dial(multiaddrs.map(address => multiaddr(address)))
  const stream = await connection.newStream(SPECS[protocol].id, { maxOutboundStreams: 1_000 })
  const channel = createChannel(stream, systemClock)
  return Object.assign(Object.create(channel) as Channel, {
    stream,
    connection,
    async refusal() {
      try {
        // every reply carries errors the same way; this is the smallest
        ServerHello.decode(await channel.receive(1_000_000, LIMITS))
      } catch (error) {
        if (error instanceof ProtocolError && error.remote) return error
        throw error
      } finally {
        channel.abort(new Error('seen enough'))
      }
      throw new Error('the server did not refuse')
    },
  })
}

/** Opens a stream and exchanges hellos. */
export async function greet(
  libp2p: NetworkNode,
  address: PeerAddress,
  protocol: keyof typeof SPECS,
  network: ObjectId = NETWORK,
): Promise<RawStream> {
  const raw = await openRaw(libp2p, address, protocol)
  await raw.send(ClientHello.encode({ network }), LIMITS)
  ServerHello.decode(await raw.receive(256, LIMITS))
  return raw
}

export async function say<T>(raw: RawStream, type: Message<T>, value: T): Promise<void> {
  await raw.send(type.encode(value), LIMITS)
}

export async function hear<T>(raw: RawStream, type: Message<T>): Promise<T> {
  return type.decode(await raw.receive(1_000_000, LIMITS))
}
