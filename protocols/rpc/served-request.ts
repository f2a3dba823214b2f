import type { Connection } from '@libp2p/interface'
import type { StreamQuota } from '../quota/quotas.ts'
import type { ProtocolSpec } from '../specs.ts'
import type { Channel } from '../stream/channel.ts'
import type { Message } from '../wire.ts'

/** One request being answered: the stream, the peer that asks, and everything that bounds it. */
export interface ServedRequest {
  readonly spec: ProtocolSpec
  readonly channel: Channel
  readonly quota: StreamQuota
  /** on which the stream is */
  readonly connection: Connection
  /** libp2p PeerId as text */
  readonly peer: string
  /** whom it counts for: a member's PeerId, anybody else's IP address */
  readonly account: string
  /** of the committee, when the stream was opened */
  readonly isMember: boolean
  /** ends with the stream, the connection or the server */
  readonly signal: AbortSignal
  /** Adds to the log line of this request. */
  note(fields: object): void
  /**
   * So many bytes of bodies are to be moved, before anything is said of them. Throws BUSY, and OVER_CAP: what the node may move
   * is used up.
   */
  expect(direction: 'in' | 'out', bytes: number): void
  /** Counts body bytes for metrics and log. */
  moved(direction: 'in' | 'out', bytes: number): void
}

/** Answers one request, whose frame was read. Throws a ProtocolError to refuse; the stream then ends. */
export type RequestHandler = (request: Uint8Array, served: ServedRequest) => Promise<void>

/** Sends one response message within the time that one chunk may take. */
export function respond<T>(served: ServedRequest, type: Message<T>, value: T): Promise<void> {
  const { channel, signal, spec } = served
  return channel.send(type.encode(value), { signal, timeoutMs: spec.chunkTimeoutMs })
}
