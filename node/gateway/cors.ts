import type { ServerResponse } from 'node:http'
import type { Exchange } from '../http/exchange.ts'
import { ANY_METHOD, allowedMethods, type Route } from '../http/router.ts'
import type { Guard } from './guard.ts'

// what a page may send, beyond the few headers that browsers always allow
const READ_HEADERS = 'Range, If-None-Match, If-Range'
const PUBLISH_HEADERS = 'Content-Type, Content-Digest, Repr-Digest, Content-MD5'
const PREFLIGHT_SECONDS = '600'

/**
 * Whom an answer names as its reader. Pages of any origin may read blobs and errors; what is not for them, they do not see.
 */
export function setCorsHeaders({ request, response }: Exchange, route: Route, guard: Guard): void {
  if (route.readableByPages) return
  const origin = route.methods.PUT && guard.allowedOrigin(request)
  if (origin !== undefined) response.setHeader('access-control-allow-origin', origin)
  else if (request.method !== 'OPTIONS') response.removeHeader('access-control-allow-origin')
  response.setHeader('vary', 'Origin')
}

/** Answers OPTIONS, a preflight or not. Pages that may not store hear so from their browser. */
export function answerOptions({ request, response }: Exchange, route: Route, guard: Guard): void {
  const methods = allowedMethods(route)
  const stores = route.methods.PUT !== undefined
  const takesBodies = stores || route.methods.POST !== undefined
  response.setHeader('allow', methods)
  answerPreflight(
    response,
    stores && !guard.mayStore(request) ? 'OPTIONS' : methods,
    takesBodies ? PUBLISH_HEADERS : READ_HEADERS,
  )
}

/** The same where nothing lives: the page shall see that answer, and not a browser's own error. */
export function answerAnyPreflight({ response }: Exchange): void {
  answerPreflight(response, ANY_METHOD, `${READ_HEADERS}, ${PUBLISH_HEADERS}`)
}

function answerPreflight(response: ServerResponse, methods: string, headers: string): void {
  response.writeHead(204, {
    'access-control-allow-methods': methods,
    'access-control-allow-headers': headers,
    'access-control-max-age': PREFLIGHT_SECONDS,
  })
  response.end()
}
