import { createHash, timingSafeEqual } from 'node:crypto'
import type { Ledger } from './ledger/ledger.ts'
import type { Route } from './rpc/serving.ts'
import { toStatus } from './rpc/status.ts'

const isLoopback = (address: string | undefined): boolean =>
  address !== undefined && (address === '::1' || address.replace('::ffff:', '').startsWith('127.'))

const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest()

export interface AdminOptions {
  token: string
  /** where callers find it, when it is in a file */
  tokenPath: string | undefined
  onRefused?: (reason: string) => void
}

/**
 * Calls that change the localnet itself: `POST /admin/advance-clock {"ms": 1000}`. From this machine only, with
 * `Authorization: Bearer TOKEN`: any page in a browser can send requests to this machine, but it cannot read files.
 */
export function adminRoutes(ledger: Ledger, options: AdminOptions): [string, Route][] {
  const expected = digest(`Bearer ${options.token}`)
  const isAllowed = (authorization: string | undefined) =>
    authorization !== undefined && timingSafeEqual(digest(authorization), expected)
  const where =
    options.tokenPath === undefined ? 'as `adminToken` of the localnet' : `in ${options.tokenPath}`

  const guarded =
    (route: Route): Route =>
    async request => {
      if (!isLoopback(request.remoteAddress))
        return { status: 403, json: { error: 'only from this machine' } }
      if (isAllowed(request.authorization)) return await route(request)
      options.onRefused?.('token')
      const error = `the admin's calls need the header "Authorization: Bearer TOKEN"; the token is ${where}`
      return { status: 401, json: { error } }
    }

  const advanceClock: Route = async ({ body }) => {
    try {
      const { ms } = JSON.parse(new TextDecoder().decode(body)) as { ms: number }
      return { status: 200, json: { timestampMs: Number(await ledger.advanceClock(ms)) } }
    } catch (error) {
      const message = error instanceof SyntaxError ? '{"ms": number} expected' : toStatus(error).message
      return { status: 400, json: { error: message } }
    }
  }
  return [['POST /admin/advance-clock', guarded(advanceClock)]]
}
