import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import type { BlobId } from '../../codec/types.ts'

export interface LogFields {
  /** the route's pattern */
  route?: string
  blobId?: BlobId
  /** body bytes */
  bytesIn?: number
  bytesOut?: number
  outcome?: string
}

/** One request and its response, as handlers see it. */
export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  /** whom the request counts for where limits are per address */
  address: string
  url: URL
  /** what the route's pattern matched, decoded */
  params: Readonly<Record<string, string>>
  /** aborted when the client hangs up or the server stops */
  signal: AbortSignal
  /** aborted when the server stops, whatever becomes of the client */
  stopping: AbortSignal
  /** the server's */
  clock: Clock
  /** Tells a client that waits for it (`Expect: 100-continue`) to send the body. */
  askForBody(): void
  /** Adds fields to the one log line of this request. */
  note(fields: LogFields): void
}

export type Handler<E extends Exchange = Exchange> = (exchange: E) => Promise<void>
