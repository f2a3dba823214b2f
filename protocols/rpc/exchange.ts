import type { StreamQuota } from '../quota/quotas.ts'
import type { ProtocolSpec } from '../specs.ts'
import type { Channel } from '../stream/channel.ts'
import type { Message } from '../wire.ts'

/** One request being answered: the stream, who asks, and everything that bounds it. */
export interface Exchange {
  readonly spec: ProtocolSpec
  readonly channel: Channel
  readonly quota: StreamQuota
  /** libp2p PeerId as text */
  readonly peer: string
  /** whom it counts for: a member's PeerId, anybody else's IP address */
  readonly account: string
  /** ends with the stream, the connection or the server */
  readonly signal: AbortSignal
  /** Adds to the log line of this request. */
  note(fields: object): void
  /** Counts body bytes for metrics and log. */
  moved(direction: 'in' | 'out', bytes: number): void
}

/** Answers one request, whose frame was read. Throws a ProtocolError to refuse; the stream then ends. */
export type RequestHandler = (request: Uint8Array, exchange: Exchange) => Promise<void>

/** Sends one response message within the time that one chunk may take. */
export function respond<T>(exchange: Exchange, type: Message<T>, value: T): Promise<void> {
  const { channel, signal, spec } = exchange
  return channel.send(type.encode(value), { signal, timeoutMs: spec.chunkTimeoutMs })
}
