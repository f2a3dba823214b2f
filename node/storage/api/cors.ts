import type { Exchange } from '../../http/exchange.ts'

const PREFLIGHT_SECONDS = '86400'

/** Apps in browsers speak to storage nodes directly, from any origin, with reads and with uploads. */
export function setCorsHeaders({ response }: Exchange): void {
  // the bytes are public: pages may use them as they like
  response.setHeader('cross-origin-resource-policy', 'cross-origin')
}

/** Answers OPTIONS, a preflight or not. `methods` as in an `Allow` header. */
export function answerPreflight({ response }: Exchange, methods: string): void {
  response.writeHead(204, {
    allow: methods,
    'access-control-allow-methods': methods,
    // any, as the SDK's users may add their own; without credentials the star covers all but Authorization
    'access-control-allow-headers': '*',
    'access-control-max-age': PREFLIGHT_SECONDS,
  })
  response.end()
}
