const localNames = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Host without its port; IPv6 addresses keep their brackets. */
const hostName = (host: string): string => host.replace(/:\d+$/, '').toLowerCase()

const isLoopback = (bound: string): boolean =>
  bound === 'localhost' || bound === '::1' || bound.startsWith('127.')

/**
 * A page of another site can make a browser send requests to localhost under a name of its own
 * (DNS rebinding); such a request has that name as its Host. A server bound to another address than
 * loopback was opened on purpose and takes any.
 */
export function allowedHost(host: string | undefined, bound: string): boolean {
  if (!isLoopback(bound)) return true
  return host !== undefined && (localNames.has(hostName(host)) || hostName(host) === bound)
}

/** Pages served from localhost may call; others get no CORS headers, so browsers keep replies from them. */
export function corsHeaders(origin: string | undefined): Record<string, string> {
  if (origin === undefined || !isLocalOrigin(origin)) return {}
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'POST, GET, OPTIONS',
    'access-control-allow-headers':
      'content-type, x-grpc-web, x-user-agent, grpc-timeout, x-sui-client-protocol-version, authorization',
    'access-control-expose-headers': 'grpc-status, grpc-message',
    'access-control-max-age': '7200',
    vary: 'origin',
  }
}

function isLocalOrigin(origin: string): boolean {
  try {
    return localNames.has(new URL(origin).hostname)
  } catch {
    return false
  }
}
