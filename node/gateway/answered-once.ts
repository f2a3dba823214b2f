import { createHash } from 'node:crypto'
import { raceSignal } from 'race-signal'
import type { Clock } from '../../base/clock.ts'
import type { Records } from '../../base/records.ts'
import type { ObjectId } from '../../codec/types.ts'
import { HttpError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Claims } from './claims.ts'

/** The JSON text of an answer of 200. */
type Answer = string

/** What has come with a request, and is to be stored. */
export interface Content extends AsyncDisposable {
  /** of what is stored, in hex */
  sha256: string
}

/** What the work of a request leaves behind for a retry, should it be cut short. */
export interface Progress {
  /** a registration of an earlier try, to go on with */
  readonly registered: ObjectId | undefined
  /** there was an earlier try, which may have registered without being able to tell */
  readonly isRetry: boolean
  /** an earlier try has used the token up and is counted */
  readonly isTaken: boolean
  taken(): Promise<void>
  onSubmitted(): void
  onRegistered(objectId: ObjectId): Promise<void>
}

/** A request with an `Idempotency-Key`. */
export interface KeyedRequest {
  /** hash of the key and of whose it is */
  readonly id: string
  /** It was begun before: whatever it is worth now, it was let in then. */
  readonly isRetry: boolean
  /**
   * Does the work, to its end though its sender hangs up; or answers what the same gave before. One that fails may be tried
   * again. Throws HttpError 422 for other content, 409 while another process works on it.
   */
  answer<C extends Content>(
    content: C,
    work: (content: C, progress: Progress, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer>
}

export interface AnsweredOnce {
  /**
   * undefined for a request without a key. Keys are the asker's own. Throws HttpError 400 for a key that is none, 422 for one of
   * another request.
   */
  find(exchange: Exchange, asker: string): Promise<KeyedRequest | undefined>
}

export interface AnsweredOnceInit {
  records: Records
  claims: Claims
  clock: Clock
}

/** How long a retry is known. */
const KEPT_MS = 24 * 3_600_000
const KEY = /^[\x20-\x7e]{1,255}$/

interface Known {
  request: string
  sha256: string
  registered?: ObjectId
  isTaken?: boolean
  answer?: Answer
}

interface Running {
  request: string
  sha256: string
  answer: Promise<Answer>
}

export function createAnsweredOnce(init: AnsweredOnceInit): AnsweredOnce {
  const underWay = new Map<string, Running>()

  return {
    async find(exchange, asker) {
      const named = exchange.request.headers['idempotency-key']
      if (named === undefined) return undefined
      if (typeof named !== 'string' || !KEY.test(named)) {
        const words = 'the header Idempotency-Key must be 1 to 255 printable ASCII characters'
        throw new HttpError(400, 'MALFORMED_REQUEST', words)
      }
      const id = createHash('sha256')
        .update(JSON.stringify([asker, named]))
        .digest('hex')
      const key = `key ${id}`
      const request = requestOf(exchange)
      const before = underWay.get(id) ?? (await read(init, key))
      expectSame(before && { ...before, sha256: '' }, { request, sha256: '' })
      return {
        id,
        isRetry: before !== undefined,
        async answer(content, work) {
          const asked = { request, sha256: content.sha256 }
          const joined = underWay.get(id)
          if (joined !== undefined) {
            await content[Symbol.asyncDispose]()
            expectSame(joined, asked)
            return await raceSignal(joined.answer, exchange.signal)
          }
          const answer = run(init, key, asked, progress =>
            work(content, progress, exchange.stopping),
          ).finally(async () => {
            underWay.delete(id)
            await content[Symbol.asyncDispose]()
          })
          underWay.set(id, { ...asked, answer })
          // it is waited for though its sender has hung up, so that whoever stops the server waits, too
          return await answer
        },
      }
    },
  }
}

async function read({ records }: Pick<AnsweredOnceInit, 'records'>, key: string): Promise<Known | undefined> {
  const text = await records.get(key)
  return text === undefined ? undefined : (JSON.parse(text) as Known)
}

/** Under a claim, and with all that a retry needs written down before it is needed. */
async function run(
  init: AnsweredOnceInit,
  key: string,
  asked: Pick<Known, 'request' | 'sha256'>,
  work: (progress: Progress) => Promise<Answer>,
): Promise<Answer> {
  const { records, claims, clock } = init
  await using claim = await claims.take(key)
  if (claim === undefined) throw inUse()
  const before = await read(init, key)
  expectSame(before, asked)
  if (before?.answer !== undefined) return before.answer
  const known: Known = { ...asked, ...before }
  const keep = () => records.set(key, JSON.stringify(known), clock.now() + KEPT_MS)
  let mayBePaid = before !== undefined
  await keep()
  try {
    known.answer = await work({
      registered: known.registered,
      isRetry: before !== undefined,
      isTaken: known.isTaken === true,
      async taken() {
        known.isTaken = true
        await keep()
      },
      onSubmitted() {
        mayBePaid = true
      },
      async onRegistered(objectId) {
        known.registered = objectId
        await keep()
      },
    })
  } catch (error) {
    // without a registration to go on with the next try may pay: it counts
    known.isTaken = known.registered !== undefined
    if (mayBePaid) await keep()
    else await records.delete(key)
    throw error
  }
  await keep()
  return known.answer
}

/** What tells one request from another without its body. */
function requestOf({ request: { method = '' }, url }: Exchange): string {
  return JSON.stringify([method, url.pathname, url.search])
}

function expectSame(
  known: Pick<Known, 'request' | 'sha256'> | undefined,
  asked: Pick<Known, 'request' | 'sha256'>,
): void {
  if (known === undefined || (known.request === asked.request && known.sha256 === asked.sha256)) return
  const words = 'this Idempotency-Key was used for another request: a retry is the same in every way'
  throw new HttpError(422, 'IDEMPOTENCY_KEY_REUSED', words)
}

function inUse(): HttpError {
  const words = 'a request with this Idempotency-Key is being worked on: try again in a while'
  return new HttpError(409, 'IDEMPOTENCY_KEY_IN_USE', words, { retryAfterSeconds: 5 })
}
