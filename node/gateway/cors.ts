import type { ServerResponse } from 'node:http'
import type { Exchange } from '../http/exchange.ts'
import { ANY_METHOD, allowedMethods, changingMethods, type Route } from '../http/router.ts'
import type { Guard } from './guard.ts'

// an asterisk is every header but Authorization; the others are for browsers that know none
const HEADERS =
  '*, Authorization, Accept, Content-Type, Range, If-Match, If-None-Match, If-Range, Content-Digest, Repr-Digest, Content-MD5'
// as long as Walrus's aggregators grant one
const PREFLIGHT_SECONDS = '86400'

/**
 * Whom an answer names as its reader. Pages of any origin may read blobs and errors; what is not for them, they do not see.
 */
export function setCorsHeaders({ request, response }: Exchange, route: Route, guard: Guard): void {
  if (route.readableByPages) return
  const origin = changingMethods(route).length > 0 ? guard.allowedOrigin(request) : undefined
  if (origin !== undefined) response.setHeader('access-control-allow-origin', origin)
  else if (request.method !== 'OPTIONS') response.removeHeader('access-control-allow-origin')
  response.setHeader('vary', 'Origin')
}

/**
 * Answers OPTIONS, a preflight or not. Where nothing can be changed every method is granted, so that a page sees the answer to it and not
 * a browser's own error; pages that may change nothing hear so from their browser.
 */
export function answerOptions({ request, response }: Exchange, route: Route, guard: Guard): void {
  response.setHeader('allow', allowedMethods(route))
  const kept = guard.mayStore(request) ? [] : changingMethods(route)
  answerPreflight(
    response,
    ANY_METHOD.filter(method => !kept.includes(method)),
  )
}

/** The same where nothing lives. */
export function answerAnyPreflight({ response }: Exchange): void {
  answerPreflight(response, ANY_METHOD)
}

function answerPreflight(response: ServerResponse, methods: readonly string[]): void {
  response.writeHead(204, {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': HEADERS,
    'access-control-max-age': PREFLIGHT_SECONDS,
  })
  response.end()
}
