import type { Exchange } from '../http/exchange.ts'
import { allowedMethods } from '../http/router.ts'
import type { FaceRoute } from './exchange.ts'

const PREFLIGHT_SECONDS = '86400'

/** Apps in browsers speak to storage nodes directly, from any origin, with reads and with uploads. */
export function setCorsHeaders({ response }: Exchange): void {
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader('access-control-expose-headers', 'Content-Length, Retry-After')
  // the bytes are public: pages may use them as they like
  response.setHeader('cross-origin-resource-policy', 'cross-origin')
}

/** Answers OPTIONS, a preflight or not. */
export function answerPreflight({ response }: Exchange, route: FaceRoute): void {
  const methods = allowedMethods(route)
  response.writeHead(204, {
    allow: methods,
    'access-control-allow-methods': methods,
    // any, as the SDK's users may add their own; without credentials the star covers all but Authorization
    'access-control-allow-headers': '*',
    'access-control-max-age': PREFLIGHT_SECONDS,
  })
  response.end()
}
