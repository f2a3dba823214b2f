import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { withDefaults } from '../../../base/with-defaults.ts'
import {
  createQuotas,
  createTransfers,
  ERROR_CODES,
  ipToCount,
  ProtocolError,
  type ProtocolErrorCode,
  toProtocolError,
} from '../../../protocols/index.ts'
import { HttpError, outOfFiles, unexpected } from '../../http/errors.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
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
import { OVER_RELAY } from '../../network/http-over-relay.ts'
import { DEFAULT_API_LIMITS, type NodeApiInit, type NodeApiLimits } from './options.ts'
import { createRoutes } from './routes/index.ts'

/** The storage node's HTTP API in the shape of Walrus's, so that Walrus's clients can use a Floe node as it is. */
export type NodeApi = HttpServer

/**
 * Neither `Host` nor `Origin` is checked, unlike at the gateway: every answer is public, there are no cookies and no
 * wallet behind it, so a page that is brought here by a rebound name gains nothing that it could not ask for directly.
 */
export function createNodeApi(init: NodeApiInit): NodeApi {
  const limits = withDefaults(DEFAULT_API_LIMITS, init.limits)
  return createHttpServer({
    name: 'the node',
    dispatch: createDispatch(init, limits),
    toHttpError,
    clock: init.clock,
    logLevel: 'debug', // an upload is dozens of requests
    log: init.log,
    metrics: init.metrics,
    refusals: init.refusals,
    host: init.host,
    port: init.port,
    connections: { total: limits.connections, perAddress: limits.connectionsPerAddress },
    stopGraceMs: limits.stopGraceMs,
  })
}

function createDispatch(init: NodeApiInit, limits: NodeApiLimits): Handler {
  const routes = createRoutes(init, limits)
  const quotas = createQuotas(limits.quotas, init.clock)
  const { addressOf = addressToCountBy } = init
  const spec = { id: 'http', streamsPerPeer: limits.requestsPerAddress }

  return async exchange => {
    const { request, signal } = exchange
    setCorsHeaders(exchange)
    exchange.url = parseTarget(request.url ?? '')
    if (isPreflight(request) && matchRoute(routes, exchange.url.pathname) === undefined) {
      return answerPreflight(exchange, ANY_METHOD.join(', '))
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
    const transfers = createTransfers({ peer: address }, init.bandwidth)
    const line = init.bandwidth?.of(address, pathOf(request))
    const context = { peer: address, signal, quota }
    try {
      await handler(Object.assign(exchange, { quota, transfers, line, context }))
    } catch (error) {
      if (foreign !== undefined && error instanceof ProtocolError && error.blame) quota.failed()
      throw error
    } finally {
      transfers.end()
      quota.release()
    }
  }
}

/** As the protocols' paths are named. */
function pathOf({ socket: { remoteAddress = '' } }: IncomingMessage): string | undefined {
  return remoteAddress.startsWith(OVER_RELAY) ? remoteAddress : undefined
}

/** That of the connection; of what a relay passes on, the relay and the address that it tells. */
function addressToCountBy({ socket, headers }: IncomingMessage): string | undefined {
  const address = socket.remoteAddress ?? ''
  if (!address.startsWith(OVER_RELAY)) return ipToCount(address)
  const told = headers['x-forwarded-for']
  return `${address} ${typeof told === 'string' && isIP(told) !== 0 ? told : ''}`
}

const PREFLIGHT_SECONDS = '86400'

/** Apps in browsers speak to storage nodes directly, from any origin, with reads and with uploads. */
function setCorsHeaders({ response }: Exchange): void {
  // the bytes are public: pages may use them as they like
  response.setHeader('cross-origin-resource-policy', 'cross-origin')
}

/** Answers OPTIONS, a preflight or not. `methods` as in an `Allow` header. */
function answerPreflight({ response }: Exchange, methods: string): void {
  response.writeHead(204, {
    allow: methods,
    'access-control-allow-methods': methods,
    // any, as the SDK's users may add their own; without credentials the star covers all but Authorization
    'access-control-allow-headers': '*',
    'access-control-max-age': PREFLIGHT_SECONDS,
  })
  response.end()
}

/** Statuses as Walrus's clients read them: 400 with NOT_REGISTERED is what they try again on, 404 counts as absence. */
const STATUS: Partial<Record<ProtocolErrorCode, number>> = {
  NOT_REGISTERED: 400,
  METADATA_MISMATCH: 400,
  MALFORMED: 400,
  SLIVER_MISMATCH: 400,
  PROOF_INVALID: 400,
  UNWANTED_SLIVER: 400,
  INCOMPLETE: 404,
  NOT_IN_COMMITTEE: 409,
  EPOCH_CHANGED: 409,
  BLOB_INVALID: 410,
  BLOB_GONE: 410,
  TOO_LARGE: 413,
  BUSY: 429,
  TOO_MANY_FAILURES: 429,
  CHAIN_UNAVAILABLE: 503,
  EPOCH_BEHIND: 503,
  OVER_CAP: 503,
  CLOSED: 503,
  STOPPING: 503,
  TIMEOUT: 504,
  BLOCKED: 451,
  NO_SPACE: 507,
}

/** Turns what a handler threw into an answer; what is not meant for strangers stays in `cause`. */
function toHttpError(thrown: unknown): HttpError {
  const busy = outOfFiles(thrown)
  if (busy !== undefined) return busy
  if (thrown instanceof HttpError) return thrown
  const error = toProtocolError(thrown)
  const status = STATUS[error.code]
  if (status === undefined) return unexpected(thrown)
  return new HttpError(status, error.code, ERROR_CODES[error.code].text, {
    metadata: error.details,
    retryAfterSeconds: error.retryAfterMs === undefined ? undefined : Math.ceil(error.retryAfterMs / 1000),
    cause: error,
  })
}
