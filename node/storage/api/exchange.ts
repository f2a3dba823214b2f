import type { StreamQuota } from '../../../protocols/index.ts'
import type { PeerContext } from '../../../protocols/ports.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import type { Route } from '../../http/router.ts'

/** A request with what its sender may take. */
export interface FaceExchange extends Exchange {
  quota: StreamQuota
  context: PeerContext
}

export type FaceHandler = Handler<FaceExchange>
export type FaceRoute = Route<FaceExchange>
