import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { createPlaces } from '../../base/places.ts'
import { HttpError, unexpected } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'
import { sendJson, sendText } from '../http/respond.ts'
import { findHandler, findRoute, parseTarget, type Route } from '../http/router.ts'
import { createHttpServer, type HttpServer } from '../http/server.ts'
import { createShared } from '../http/shared.ts'
import type { Metrics } from '../metrics.ts'
import type { Refusals } from '../refusals.ts'
import { RELAY } from './limits.ts'
import { PAGE, PAGE_POLICY } from './page.ts'
import { answerProxyPreflight, createProxyRoutes, type ProxyInit } from './proxy.ts'
import type { RelayStatus } from './status.ts'

export interface RelayWebInit {
  host: string
  port: number
  status: () => RelayStatus
  metrics: Metrics
  refusals: Refusals
  /** what is passed on to nodes behind the relay */
  proxied: ProxyInit
  clock: Clock
  log: Log
}

const STOP_GRACE_MS = 500
const TELL_MS = 1_000

/** `/` (a page with live charts), `/status`, `/events`, `/health`, `/metrics`, and `/peers/{peerId}/v1/...`. */
export function createRelayWeb(init: RelayWebInit): HttpServer {
  const { status, metrics, clock, refusals } = init
  const collect = createShared(clock, () => metrics.text())
  const listeners = createPlaces()
  const get = (pattern: string, GET: (exchange: Exchange) => Promise<void>): Route => ({
    pattern,
    methods: { GET },
    readableByPages: false,
  })
  const routes: Route[] = [
    get('/', async exchange => {
      exchange.response.setHeader('content-security-policy', PAGE_POLICY)
      sendText(exchange, PAGE, 'text/html; charset=utf-8')
    }),
    get('/status', async exchange => sendJson(exchange, 200, status())),
    get('/health', async exchange => {
      const { healthy, rssBytes } = status()
      sendJson(exchange, healthy ? 200 : 503, { healthy, rssBytes })
    }),
    get('/metrics', async exchange =>
      sendText(exchange, await collect(exchange.signal), metrics.contentType),
    ),
    get('/events', async exchange => {
      const leave = listeners.take(RELAY.listeners, [[exchange.address, RELAY.listenersPerAddress]])
      if (leave === undefined) {
        const retryAfterSeconds = RELAY.listenerRetryMs / 1000
        throw new HttpError(503, 'BUSY', 'too many pages listen already', { retryAfterSeconds })
      }
      try {
        await tell(exchange, status)
      } finally {
        leave()
      }
    }),
    ...createProxyRoutes(init.proxied, clock, () => refusals.refused('http', 'busy')),
  ]
  return createHttpServer({
    name: 'the relay',
    host: init.host,
    port: init.port,
    async dispatch(exchange) {
      const { request } = exchange
      exchange.url = parseTarget(request.url ?? '')
      const { route, params } = findRoute(routes, exchange.url.pathname)
      exchange.note({ route: route.pattern })
      exchange.params = params
      if (route.readableByPages && answerProxyPreflight(exchange, route)) return
      await findHandler(route, request.method ?? '')(exchange)
    },
    toHttpError: error => (error instanceof HttpError ? error : unexpected(error)),
    logLevel: 'debug',
    connections: {
      total: RELAY.webConnections,
      perAddress: RELAY.webConnectionsPerAddress,
      waiting: { total: RELAY.webWaiting, perAddress: RELAY.webWaitingPerAddress, ms: RELAY.webWaitMs },
    },
    stopGraceMs: STOP_GRACE_MS,
    refusals,
    clock,
    log: init.log,
    metrics: metrics.http('relay'),
  })
}

/** Server-sent events until the page goes, or does not read. */
async function tell({ response, signal, clock }: Exchange, status: () => RelayStatus): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  try {
    while (!signal.aborted && response.write(`data: ${JSON.stringify(status())}\n\n`)) {
      await clock.sleep(TELL_MS, signal)
    }
  } catch {
    // the page has gone, or the server stops
  }
  response.end()
}
