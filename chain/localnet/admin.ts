import type { Ledger } from './ledger/ledger.ts'
import type { Route } from './rpc/server.ts'
import { toStatus } from './rpc/status.ts'

const isLoopback = (address: string | undefined): boolean =>
  address !== undefined && (address === '::1' || address.replace('::ffff:', '').startsWith('127.'))

/** Calls that change the localnet itself: `POST /admin/advance-clock {"ms": 1000}`. From this machine only. */
export function adminRoutes(ledger: Ledger): [string, Route][] {
  const advanceClock: Route = async ({ body, remoteAddress }) => {
    if (!isLoopback(remoteAddress)) return { status: 403, json: { error: 'only from this machine' } }
    try {
      const { ms } = JSON.parse(new TextDecoder().decode(body)) as { ms: number }
      return { status: 200, json: { timestampMs: Number(await ledger.advanceClock(ms)) } }
    } catch (error) {
      const message = error instanceof SyntaxError ? '{"ms": number} expected' : toStatus(error).message
      return { status: 400, json: { error: message } }
    }
  }
  return [['POST /admin/advance-clock', advanceClock]]
}
