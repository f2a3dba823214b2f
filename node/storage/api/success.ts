import type { Exchange } from '../../http/exchange.ts'
import { sendJson } from '../../http/respond.ts'

/** `{ success: { code, data } }`, as Walrus's storage nodes answer. */
export function sendSuccess(exchange: Exchange, data: unknown): void {
  sendJson(exchange, 200, { success: { code: 200, data } })
}
