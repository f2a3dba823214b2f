import type { PeerLine, StreamQuota, Transfers } from '../../../protocols/index.ts'
import type { PeerContext } from '../../../protocols/ports.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import type { Route } from '../../http/router.ts'

/** A request with what its sender may take. */
export interface ApiExchange extends Exchange {
  quota: StreamQuota
  transfers: Transfers
  /** without limits when absent */
  line: PeerLine | undefined
  context: PeerContext
}

export type ApiHandler = Handler<ApiExchange>
export type ApiRoute = Route<ApiExchange>
