import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { HttpError, unexpected } from '../../http/errors.ts'
import { sendText } from '../../http/respond.ts'
import { findHandler, findRoute, parseTarget } from '../../http/router.ts'
import { createHttpServer, type HttpServer } from '../../http/server.ts'
import { createShared } from '../../http/shared.ts'
import type { Metrics } from '../../metrics.ts'

/** A scraper and a person. */
const CONNECTIONS = { total: 16, perAddress: 16 }
const STOP_GRACE_MS = 500

/** Serves a process's metrics at `/metrics`, and nothing else. */
export function createMetricsServer(at: {
  host: string
  port: number
  metrics: Metrics
  clock: Clock
  log: Log
}): HttpServer {
  const { metrics, ...rest } = at
  const collect = createShared(rest.clock, () => metrics.text())
  const routes = [
    {
      pattern: '/metrics',
      methods: {
        GET: async (exchange: Parameters<typeof sendText>[0]) =>
          sendText(exchange, await collect(exchange.signal), metrics.contentType),
      },
      readableByPages: false,
    },
  ]
  return createHttpServer({
    ...rest,
    name: "the node's metrics",
    async dispatch(exchange) {
      const { request, response } = exchange
      // not for pages
      response.removeHeader('access-control-allow-origin')
      exchange.url = parseTarget(request.url ?? '')
      const { route } = findRoute(routes, exchange.url.pathname)
      await findHandler(route, request.method ?? '')(exchange)
    },
    toHttpError: error => (error instanceof HttpError ? error : unexpected(error)),
    logLevel: 'debug',
    connections: CONNECTIONS,
    stopGraceMs: STOP_GRACE_MS,
  })
}
