import { hostName, LOOPBACK_NAMES } from '../../../base/http/host.ts'
import { METADATA_NAMES } from './metadata.ts'

const isLoopback = (bound: string): boolean =>
  bound === 'localhost' || bound === '::1' || bound.startsWith('127.')

/**
 * A page of another site can make a browser send requests to localhost under a name of its own
 * (DNS rebinding); such a request has that name as its Host. A server bound to another address than
 * loopback was opened on purpose and takes any.
 */
export function allowedHost(host: string | undefined, bound: string): boolean {
  if (!isLoopback(bound)) return true
  return host !== undefined && (LOOPBACK_NAMES.includes(hostName(host)) || hostName(host) === bound)
}

/**
 * Pages of this machine, of the server's own name, and of the origins that its owner names, may call. Others are refused and not merely kept from
 * reading the reply: a page can send a plain POST (to the faucet, say) without asking first.
 */
export function allowedOrigin(
  origin: string | undefined,
  host: string | undefined,
  named: readonly string[] = [],
): boolean {
  if (origin === undefined || named.includes(origin)) return true
  let url: URL
  try {
    url = new URL(origin)
  } catch {
    return false
  }
  return LOOPBACK_NAMES.includes(url.hostname) || (host !== undefined && url.host === host.toLowerCase())
}

/** For an origin that is allowed. */
export const corsHeaders = (origin: string): Record<string, string> => ({
  'access-control-allow-origin': origin,
  'access-control-allow-methods': 'POST, GET, OPTIONS',
  'access-control-allow-headers':
    'content-type, x-grpc-web, x-user-agent, grpc-timeout, x-sui-client-protocol-version, authorization',
  'access-control-expose-headers': ['grpc-status', 'grpc-message', ...METADATA_NAMES].join(', '),
  'access-control-max-age': '7200',
  vary: 'origin',
})
