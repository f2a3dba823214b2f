import type { Exchange } from '../http/exchange.ts'
import { allowedMethods, type Route } from '../http/router.ts'
import type { Guard } from './guard.ts'

// what a page may send with a read, and see of the answer, beyond the few that browsers always allow
const READ_HEADERS = 'Range, If-None-Match, If-Range'
const PUBLISH_HEADERS = 'Content-Type'
const EXPOSED_HEADERS = 'Content-Length, Content-Range, Accept-Ranges, ETag, Retry-After'
const PREFLIGHT_SECONDS = 600

/** Lets pages of any origin read blobs, and pages of configured origins publish. */
export function setCorsHeaders({ request, response }: Exchange, route: Route, guard: Guard): void {
  const origin = guard.allowedOrigin(request)
  if (route.readableByPages) response.setHeader('access-control-allow-origin', '*')
  else {
    response.setHeader('vary', 'Origin')
    if (origin === undefined || route.methods.PUT === undefined) return
    response.setHeader('access-control-allow-origin', origin)
  }
  response.setHeader('access-control-expose-headers', EXPOSED_HEADERS)
}

/** Answers OPTIONS, a preflight or not. */
export function answerOptions({ response }: Exchange, route: Route): void {
  const methods = allowedMethods(route)
  response.setHeader('allow', methods)
  if (response.hasHeader('access-control-allow-origin')) {
    response.setHeader('access-control-allow-methods', methods)
    response.setHeader('access-control-allow-headers', route.readableByPages ? READ_HEADERS : PUBLISH_HEADERS)
    response.setHeader('access-control-max-age', PREFLIGHT_SECONDS)
  }
  response.writeHead(204).end()
}
