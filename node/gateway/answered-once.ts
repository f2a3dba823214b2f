import type { IncomingMessage } from 'node:http'
import { raceSignal } from 'race-signal'
import type { Clock } from '../../base/clock.ts'
import type { Records } from '../../base/records.ts'
import { HttpError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'

/** The JSON text of an answer of 200. */
type Answer = string

export interface AnsweredOnce {
  /**
   * Does the work, or, where the request has an `Idempotency-Key` with which it was done before, answers what that gave. One
   * that fails may be tried again. Throws HttpError 400 for a key that is none, 422 for one of another request.
   */
  run(exchange: Exchange, work: () => Promise<Answer>): Promise<Answer>
}

export interface AnsweredOnceInit {
  records: Records
  clock: Clock
}

/** How long a retry is known. */
const KEPT_MS = 24 * 3_600_000
const KEY = /^[\x20-\x7e]{1,255}$/

interface Known {
  request: string
  answer?: Answer
}

export function createAnsweredOnce({ records, clock }: AnsweredOnceInit): AnsweredOnce {
  const underWay = new Map<string, { request: string; answer: Promise<Answer> }>()

  async function first(key: string, request: string, work: () => Promise<Answer>): Promise<Answer> {
    const untilMs = clock.now() + KEPT_MS
    const text = await records.get(key)
    const known = text === undefined ? undefined : (JSON.parse(text) as Known)
    if (known !== undefined) {
      expectSame(known.request, request)
      // without an answer its process ended on the way: what it has paid for is found
      if (known.answer !== undefined) return known.answer
    } else await records.set(key, JSON.stringify({ request }), untilMs)
    try {
      const answer = await work()
      await records.set(key, JSON.stringify({ request, answer }), untilMs)
      return answer
    } catch (error) {
      await records.delete(key)
      throw error
    }
  }

  return {
    async run(exchange, work) {
      const named = exchange.request.headers['idempotency-key']
      if (named === undefined) return await work()
      if (typeof named !== 'string' || !KEY.test(named)) {
        const words = 'the header Idempotency-Key must be 1 to 255 printable ASCII characters'
        throw new HttpError(400, 'MALFORMED_REQUEST', words)
      }
      const key = `key ${named}`
      const request = requestOf(exchange)
      const before = underWay.get(key)
      if (before !== undefined) {
        expectSame(before.request, request)
        return await raceSignal(before.answer, exchange.signal)
      }
      const answer = first(key, request, work).finally(() => underWay.delete(key))
      underWay.set(key, { request, answer })
      return await answer
    },
  }
}

/** What tells one request from another without its body. */
function requestOf({ request, url }: Exchange): string {
  const { method = '', headers } = request
  const said = ['content-length', 'content-digest', 'repr-digest', 'content-md5', 'authorization']
  return JSON.stringify([method, url.pathname, url.search, ...said.map(name => textOf(headers, name))])
}

function textOf(headers: IncomingMessage['headers'], name: string): string {
  return String(headers[name] ?? '')
}

function expectSame(known: string, request: string): void {
  if (known === request) return
  const words = 'this Idempotency-Key was used for another request: a retry is the same in every way'
  throw new HttpError(422, 'IDEMPOTENCY_KEY_REUSED', words)
}
