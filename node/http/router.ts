import type { IncomingMessage } from 'node:http'
import { HttpError } from './errors.ts'
import type { Exchange, Handler } from './exchange.ts'

type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'

export interface Route<E extends Exchange = Exchange> {
  /** segments separated by `/`; `:name` matches one segment, and a last `*name` all that follow, or nothing */
  pattern: string
  /** A GET handler also answers HEAD: node:http leaves the body out. */
  methods: Readonly<Partial<Record<Method, Handler<E>>>>
  /** pages of any origin may POST: it changes nothing that is not theirs; false when absent */
  postByAnyPage?: boolean
  /** whether pages of any origin may read the answers */
  readableByPages: boolean
}

export interface Match<E extends Exchange> {
  route: Route<E>
  params: Record<string, string>
}

/**
 * The URL of a request. Throws 400 for any but the origin form: this is no proxy, and a path that starts with // or /\ would
 * be read as a host.
 */
export function parseTarget(target: string): URL {
  if (/^\/(?![/\\])/.test(target) && URL.canParse(target, 'http://server'))
    return new URL(target, 'http://server')
  throw new HttpError(400, 'MALFORMED_REQUEST', 'the request target is not a path')
}

/** The path of a request as it was sent, without what a URL makes of dots and backslashes in it. */
export function rawPath(target: string): string {
  return /^[^?#]*/.exec(target)?.[0] ?? ''
}

/** The route of a path, if any. Throws 400 when a segment cannot be decoded. */
export function matchRoute<E extends Exchange>(
  routes: readonly Route<E>[],
  path: string,
): Match<E> | undefined {
  for (const route of routes) {
    const params = matchPattern(route.pattern, path)
    if (params !== undefined) return { route, params }
  }
  return undefined
}

/** The route of a path. Throws 404 when there is none, 400 when a segment cannot be decoded. */
export function findRoute<E extends Exchange>(routes: readonly Route<E>[], path: string): Match<E> {
  const match = matchRoute(routes, path)
  if (match === undefined) throw new HttpError(404, 'NO_SUCH_ROUTE', 'nothing lives at this path')
  return match
}

/** Whether a browser asks beforehand what a page may send. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

/** The methods that a preflight may name. */
export const ANY_METHOD: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Those of a route by which something is changed, or paid for, that is not the sender's. */
export function changingMethods<E extends Exchange>({ methods, postByAnyPage = false }: Route<E>): string[] {
  return Object.keys(methods).filter(method => method !== 'GET' && !(method === 'POST' && postByAnyPage))
}

/** The handler of a method. Throws 405 with `Allow` when the route has none. */
export function findHandler<E extends Exchange>(route: Route<E>, method: string): Handler<E> {
  const handler = route.methods[method === 'HEAD' ? 'GET' : (method as Method)]
  if (handler !== undefined) return handler
  throw new HttpError(405, 'METHOD_NOT_ALLOWED', `this path takes ${allowedMethods(route)}`, {
    headers: { allow: allowedMethods(route) },
  })
}

/** As in an `Allow` header. */
export function allowedMethods<E extends Exchange>(route: Route<E>): string {
  const { GET, PUT, POST, PATCH, DELETE } = route.methods
  return [GET && 'GET, HEAD', PUT && 'PUT', POST && 'POST', PATCH && 'PATCH', DELETE && 'DELETE', 'OPTIONS']
    .filter(Boolean)
    .join(', ')
}

function matchPattern(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/')
  const given = path.split('/')
  const takesRest = wanted.at(-1)?.startsWith('*') === true
  if (takesRest ? given.length < wanted.length : given.length !== wanted.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, segment] of wanted.entries()) {
    const value = given[i] as string
    if (segment.startsWith('*')) params[segment.slice(1)] = decode(given.slice(i).join('/'))
    else if (!segment.startsWith(':')) {
      if (segment !== value) return undefined
    } else if (value === '') return undefined
    else params[segment.slice(1)] = decode(value)
  }
  return params
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (cause) {
    throw new HttpError(400, 'MALFORMED_REQUEST', 'the path is not valid percent-encoding', { cause })
  }
}
