import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerOptions, setCorsHeaders } from './cors.ts'
import { HttpError, toHttpError } from './errors.ts'
import type { Exchange, LogFields } from './exchange.ts'
import { createGuard, type Guard } from './guard.ts'
import type { GatewayInit, GatewayLimits } from './options.ts'
import { sendError } from './refuse.ts'
import { SAFE_HEADERS } from './respond.ts'
import { findHandler, findRoute, type Route } from './router.ts'
import { createRoutes } from './routes/index.ts'

export interface AnswerOptions {
  /** the client waits for `100 Continue` before it sends its body */
  expectsContinue: boolean
  /** aborted when the gateway's patience with requests under way ends */
  stopping: AbortSignal
}

/** Answers one request, whatever happens; resolves when it is over and never rejects. */
export type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  options: AnswerOptions,
) => Promise<void>

// what nginx logs for it
const CLIENT_GONE_STATUS = 499

export function createAnswer(init: GatewayInit, limits: GatewayLimits): Answer {
  const routes = createRoutes(init, limits)
  const guard = createGuard({ hostNames: init.hostNames ?? [], allowedOrigins: init.allowedOrigins ?? [] })
  const counts = init.metrics?.http('gateway')

  return async (request, response, { expectsContinue, stopping }) => {
    const startMs = performance.now()
    const gone = new AbortController()
    const closed = new Promise<void>(resolve => {
      response.once('close', () => {
        if (!response.writableFinished) gone.abort(new Error('the client hung up'))
        resolve()
      })
    })
    response.on('error', () => {}) // a broken connection also closes
    let sendsBody = !expectsContinue
    const fields: LogFields = {}
    const exchange: Exchange = {
      request,
      response,
      url: new URL('http://gateway/'),
      params: {},
      signal: AbortSignal.any([gone.signal, stopping]),
      askForBody() {
        if (!sendsBody) response.writeContinue()
        sendsBody = true
      },
      note: more => Object.assign(fields, more),
    }

    let failure: HttpError | undefined
    counts?.inFlight(1)
    try {
      await dispatch(exchange, routes, guard)
    } catch (error) {
      failure = toHttpError(error)
      await sendError(exchange, failure, sendsBody)
    }
    await closed
    conclude()

    function conclude(): void {
      const durationMs = Math.round(performance.now() - startMs)
      const status = gone.signal.aborted ? CLIENT_GONE_STATUS : response.statusCode
      counts?.inFlight(-1)
      counts?.request(fields.route ?? 'none', request.method ?? '', status, durationMs)
      if (fields.bytesIn !== undefined) counts?.bytes('in', fields.bytesIn)
      if (fields.bytesOut !== undefined) counts?.bytes('out', fields.bytesOut)
      const line = {
        method: request.method,
        ...fields,
        status,
        durationMs,
        ...(failure && { reason: failure.reason }),
      }
      if (status >= 500) init.log?.warn({ ...line, err: failure?.cause ?? failure }, 'request failed')
      else init.log?.info(line, 'request')
    }
  }
}

async function dispatch(exchange: Exchange, routes: readonly Route[], guard: Guard): Promise<void> {
  const { request, response } = exchange
  for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value)
  guard.checkHost(request)
  exchange.url = parseTarget(request.url ?? '')
  const { route, params } = findRoute(routes, exchange.url.pathname)
  exchange.note({ route: route.pattern })
  exchange.params = params
  setCorsHeaders(exchange, route, guard)
  if (request.method === 'OPTIONS') return answerOptions(exchange, route)
  const handler = findHandler(route, request.method ?? '')
  if (request.method === 'PUT') guard.checkOrigin(request)
  await handler(exchange)
}

function parseTarget(target: string): URL {
  // origin form only: this is no proxy. A path that starts with // would be read as a host
  if (/^\/(?!\/)/.test(target) && URL.canParse(target, 'http://gateway'))
    return new URL(target, 'http://gateway')
  throw new HttpError(400, 'MALFORMED_REQUEST', 'the request target is not a path')
}
