import { createQuotas, ipToCount, ProtocolError } from '../../../protocols/index.ts'
import type { Handler } from '../../http/exchange.ts'
import {
  ANY_METHOD,
  allowedMethods,
  findHandler,
  findRoute,
  isPreflight,
  matchRoute,
  parseTarget,
} from '../../http/router.ts'
import { createHttpServer, type HttpServer } from '../../http/server.ts'
import { answerPreflight, setCorsHeaders } from './cors.ts'
import { toHttpError } from './errors.ts'
import { DEFAULT_FACE_LIMITS, type HttpFaceInit, type HttpFaceLimits } from './options.ts'
import { createRoutes } from './routes/index.ts'

/** The storage node's HTTP API in the shape of Walrus's, so that Walrus's clients can use a Floe node as it is. */
export type HttpFace = HttpServer

/**
 * Neither `Host` nor `Origin` is checked, unlike at the gateway: every answer is public, there are no cookies and no
 * wallet behind it, so a page that is brought here by a rebound name gains nothing that it could not ask for directly.
 */
export function createHttpFace(init: HttpFaceInit): HttpFace {
  const limits = { ...DEFAULT_FACE_LIMITS, ...init.limits }
  return createHttpServer({
    name: 'the node',
    dispatch: createDispatch(init, limits),
    toHttpError,
    logLevel: 'debug', // an upload is dozens of requests
    ...(init.log === undefined ? {} : { log: init.log }),
    ...(init.metrics === undefined ? {} : { metrics: init.metrics }),
    ...(init.refusals === undefined ? {} : { refusals: init.refusals }),
    host: init.host,
    port: init.port,
    connections: { total: limits.connections, perAddress: limits.connectionsPerAddress },
    stopGraceMs: limits.stopGraceMs,
  })
}

function createDispatch(init: HttpFaceInit, limits: HttpFaceLimits): Handler {
  const routes = createRoutes(init, limits)
  const quotas = createQuotas(limits.quotas)
  const { addressOf = ({ socket }) => ipToCount(socket.remoteAddress ?? '') } = init
  const spec = { id: 'http', streamsPerPeer: limits.requestsPerAddress }

  return async exchange => {
    const { request, signal } = exchange
    setCorsHeaders(exchange)
    exchange.url = parseTarget(request.url ?? '')
    if (isPreflight(request) && matchRoute(routes, exchange.url.pathname) === undefined) {
      return answerPreflight(exchange, ANY_METHOD)
    }
    const { route, params } = findRoute(routes, exchange.url.pathname)
    exchange.note({ route: route.pattern })
    exchange.params = params
    if (request.method === 'OPTIONS') return answerPreflight(exchange, allowedMethods(route))
    const handler = findHandler(route, request.method ?? '')
    const foreign = addressOf(request)
    // loopback is the operator's own machine, or a proxy in front that stands for everybody: it is never shut out
    const address = foreign ?? exchange.address
    const quota = quotas.admit(spec, address)
    try {
      await handler(Object.assign(exchange, { quota, context: { peer: address, signal, quota } }))
    } catch (error) {
      if (foreign !== undefined && error instanceof ProtocolError && error.blame) quota.failed()
      throw error
    } finally {
      quota.release()
    }
  }
}
