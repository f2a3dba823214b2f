import type { IncomingMessage } from 'node:http'
import { hostName, LOOPBACK_NAMES } from '../../base/http/host.ts'
import { HttpError } from '../http/errors.ts'

export interface GuardInit {
  /** further host names, without port, under which the gateway may be asked */
  hostNames: readonly string[]
  /** web origins, `https://app.example`, whose pages may change state */
  allowedOrigins: readonly string[]
}

/**
 * A gateway on localhost can be reached by every web page that its user opens. Two checks keep pages out:
 * `Host`, because a page can rebind its own name to 127.0.0.1, and `Origin` on everything that changes state.
 */
export interface Guard {
  /** Throws 403 for a name that is not ours. */
  checkHost(request: IncomingMessage): void
  /** Throws 403 when a page of another origin wants to change something. */
  checkOrigin(request: IncomingMessage): void
  /** Whether it would not. */
  mayStore(request: IncomingMessage): boolean
  /** The configured foreign origin that a request comes from, if any. */
  allowedOrigin(request: IncomingMessage): string | undefined
}

export function createGuard(init: GuardInit): Guard {
  const names = new Set([...LOOPBACK_NAMES, ...init.hostNames.map(name => name.toLowerCase())])
  const origins = new Set(init.allowedOrigins)

  function mayStore({ headers }: IncomingMessage): boolean {
    const { origin, host } = headers
    // no page at all, or a browser that hides the origin but says what it is
    if (origin === undefined) return headers['sec-fetch-site'] !== 'cross-site'
    return origins.has(origin) || origin === `http://${host}` || origin === `https://${host}`
  }

  return {
    checkHost({ headers: { host } }) {
      if (host !== undefined && names.has(hostName(host))) return
      throw new HttpError(403, 'FORBIDDEN_HOST', `this gateway does not answer for the host ${quote(host)}`)
    },
    checkOrigin(request) {
      if (mayStore(request)) return
      const from = quote(request.headers.origin)
      throw new HttpError(403, 'FORBIDDEN_ORIGIN', `pages of ${from} may read here, not store`)
    },
    mayStore,
    allowedOrigin: ({ headers: { origin } }) =>
      origin !== undefined && origins.has(origin) ? origin : undefined,
  }
}

// what a stranger sent is shown, but not at any length
function quote(text: string | undefined): string {
  return JSON.stringify((text ?? '').slice(0, 100))
}
