import type { Clock } from '../../../base/clock.ts'
import type { Account } from './accounts.ts'
import type { Method } from './methods.ts'
import type { RpcStatus } from './status.ts'

/** What a request is served with. */
export interface Serving {
  methods: ReadonlyMap<string, Method>
  /** of the caller's address */
  account: Account
  clock: Clock
  /** aborted when the server closes */
  closing: AbortSignal
  /** headers of every reply to a call */
  metadata: () => Record<string, string>
  /** A call has ended; `unexpected` is an error that is ours. */
  ended(path: string, status: RpcStatus, unexpected?: unknown): void
  refused(reason: string): void
}

/** A plain HTTP route (the faucet's, the admin's). */
export type Route = (request: {
  body: Uint8Array
  remoteAddress: string | undefined
  authorization: string | undefined
}) => Promise<{ status: number; json: unknown }>
