import { type Clock, systemClock } from '../../base/clock.ts'
import { withDefaults } from '../../base/with-defaults.ts'
import type { Handler } from '../http/exchange.ts'
import {
  changingMethods,
  findHandler,
  findRoute,
  isPreflight,
  matchRoute,
  parseTarget,
  rawPath,
} from '../http/router.ts'
import { createHttpServer, type HttpServer } from '../http/server.ts'
import { createRefusals } from '../refusals.ts'
import { answerAnyPreflight, answerOptions, setCorsHeaders } from './cors.ts'
import { toHttpError } from './errors.ts'
import { createGuard } from './guard.ts'
import { DEFAULT_GATEWAY_PORT, DEFAULT_LIMITS, type GatewayInit, type GatewayLimits } from './options.ts'
import { PurseWatch } from './purse-watch.ts'
import { createRoutes } from './routes/index.ts'

/** HTTP for people: reads blobs from the network's nodes and, where allowed, stores them. */
export interface Gateway extends Omit<HttpServer, 'accept'>, AsyncDisposable {}

/** Does nothing before `start()`, which rejects with node's own error when the port is taken. */
export function createGateway(init: GatewayInit): Gateway {
  const { clock = systemClock, log, metrics } = init
  const limits = withDefaults(DEFAULT_LIMITS, init.limits)
  const refusals = createRefusals({ clock, log, metrics: metrics?.node('gateway') })
  const server = createHttpServer({
    name: 'the gateway',
    refusals,
    dispatch: createDispatch(init, clock, limits),
    toHttpError,
    clock,
    logLevel: 'info',
    log,
    metrics: metrics?.http('gateway'),
    host: init.host ?? '127.0.0.1',
    port: init.port ?? DEFAULT_GATEWAY_PORT,
    connections: { total: limits.connections, perAddress: limits.connectionsPerAddress },
    stopGraceMs: limits.stopGraceMs,
  })
  const { purse } = init
  const purseWatch = purse && new PurseWatch({ purse, metrics, log, clock })
  const stop = async () => {
    await server.stop()
    await purseWatch?.stop()
    refusals.close()
  }
  return {
    async start() {
      await server.start()
      purseWatch?.start()
    },
    stop,
    [Symbol.asyncDispose]: stop,
    get url() {
      return server.url
    },
  }
}

const isAllAddresses = (host: string) => host === '0.0.0.0' || host === '::'

function createDispatch(init: GatewayInit, clock: Clock, limits: GatewayLimits): Handler {
  const routes = createRoutes(init, clock, limits)
  const { host, hostNames = [] } = init
  // the address that it listens on is a name of its own, unless that means all of the machine's
  const own = host === undefined || isAllAddresses(host) ? [] : [host]
  const guard = createGuard({ hostNames: [...hostNames, ...own], allowedOrigins: init.allowedOrigins ?? [] })

  return async exchange => {
    const { request } = exchange
    guard.checkHost(request)
    exchange.url = parseTarget(request.url ?? '')
    const path = rawPath(request.url ?? '')
    if (isPreflight(request) && matchRoute(routes, path) === undefined) return answerAnyPreflight(exchange)
    const { route, params } = findRoute(routes, path)
    exchange.note({ route: route.pattern })
    exchange.params = params
    setCorsHeaders(exchange, route, guard)
    if (request.method === 'OPTIONS') return answerOptions(exchange, route, guard)
    const handler = findHandler(route, request.method ?? '')
    if (changingMethods(route).includes(request.method ?? '')) guard.checkOrigin(request)
    await handler(exchange)
  }
}
