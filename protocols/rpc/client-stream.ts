import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import type { ObjectId } from '../../codec/types.ts'
import { peerDeadline } from '../deadline.ts'
import { ProtocolError } from '../errors.ts'
import type { Bandwidth } from '../quota/bandwidth.ts'
import { CLIENT, HELLO, type ProtocolSpec } from '../specs.ts'
import { type Channel, createChannel } from '../stream/channel.ts'
import { pathEnds } from '../stream/path-ends.ts'
import type { ReadOptions } from '../stream/reader.ts'
import type { WaitOptions } from '../stream/wait.ts'
import { ClientHello, type Message, ServerHello } from '../wire.ts'
import { pathOf } from './remote-address.ts'

/** A stream to a server, greeted and ready for requests. */
export interface ClientStream {
  readonly channel: Channel
  readonly connection: Connection
  /** Whether the server has said anything since the last request began. */
  readonly answered: boolean
  /** A new request begins. */
  begin(): void
  /** Writes one message. */
  send<T>(type: Message<T>, value: T, options: WaitOptions): Promise<void>
  /** Reads one message; throws the server's ProtocolError when it sent one instead. */
  receive<T>(type: Message<T>, options: ReadOptions): Promise<T>
  /** Resets the stream and takes its listeners off. */
  destroy(error: unknown): void
}

/**
 * Opens a stream and says hello. The server's hello is read together with the first answer, so that the first request
 * costs no round trip more than a later one.
 */
export async function openClientStream(
  connection: Connection,
  spec: ProtocolSpec,
  network: ObjectId,
  clock: Clock,
  signal: AbortSignal | undefined,
  bandwidth?: Bandwidth,
): Promise<ClientStream> {
  const channel = await openChannel(connection, spec, clock, signal, bandwidth)
  const stream = new GreetingStream(connection, channel, spec, network)
  try {
    await stream.send(ClientHello, { network }, { signal, timeoutMs: HELLO.timeoutMs })
    return stream
  } catch (error) {
    stream.destroy(error)
    throw error
  }
}

class GreetingStream implements ClientStream {
  readonly channel: Channel
  readonly connection: Connection
  readonly #spec: ProtocolSpec
  readonly #network: ObjectId
  #greeted = false
  #answered = false

  constructor(connection: Connection, channel: Channel, spec: ProtocolSpec, network: ObjectId) {
    this.channel = channel
    this.connection = connection
    this.#spec = spec
    this.#network = network
  }

  get answered(): boolean {
    return this.#answered
  }

  begin(): void {
    this.#answered = false
  }

  send<T>(type: Message<T>, value: T, options: WaitOptions): Promise<void> {
    return this.channel.send(type.encode(value), options)
  }

  async receive<T>(type: Message<T>, options: ReadOptions): Promise<T> {
    if (!this.#greeted) await this.#welcome(options)
    const bytes = await this.channel.receive(this.#spec.maxResponseBytes, options)
    this.#answered = true
    return type.decode(bytes)
  }

  destroy(error: unknown): void {
    this.channel.abort(error instanceof Error ? error : new ProtocolError('CLOSED', { cause: error }))
    this.channel.reader.detach()
  }

  async #welcome(options: WaitOptions): Promise<void> {
    const bytes = await this.channel.receive(HELLO.maxBytes, options)
    this.#answered = true
    const network = await this.#readHello(bytes)
    if (network !== this.#network) {
      // no other protocol will fare better with this peer
      void this.connection.close().catch(error => this.connection.abort(error))
      throw new ProtocolError('WRONG_NETWORK', { details: { network } })
    }
    this.#greeted = true
  }

  /** Which network the server belongs to; that it tells us so by an error or by its hello is the same. */
  async #readHello(bytes: Uint8Array): Promise<string> {
    try {
      return ServerHello.decode(bytes).network
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'WRONG_NETWORK')
        return String((error as ProtocolError<'WRONG_NETWORK'>).details.network)
      throw error
    }
  }
}

async function openChannel(
  connection: Connection,
  spec: ProtocolSpec,
  clock: Clock,
  signal: AbortSignal | undefined,
  bandwidth: Bandwidth | undefined,
): Promise<Channel> {
  using limit = peerDeadline(clock, CLIENT.openTimeoutMs, signal)
  try {
    const stream = await connection.newStream(spec.id, {
      signal: limit.signal,
      maxOutboundStreams: spec.streamsPerPeer,
      // libp2p's word for relayed: a relay that announces limits is as good as it can be
      runOnLimitedConnection: true,
    })
    return createChannel(
      stream,
      clock,
      pathEnds(connection),
      bandwidth?.of(connection.remotePeer.toString(), pathOf(connection.remoteAddr)),
    )
  } catch (cause) {
    signal?.throwIfAborted()
    if (limit.expired) throw new ProtocolError('TIMEOUT', { cause })
    const unsupported = cause instanceof Error && cause.name === 'UnsupportedProtocolError'
    throw unsupported ? new ProtocolError('REFUSED', { cause }) : pathEnds(connection).lost(cause)
  }
}
