import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { onAbort } from '../../base/wait.ts'
import type { HttpMetrics } from '../metrics.ts'
import type { RefusalReason, Refusals } from '../refusals.ts'
import { type ErrorReason, type HttpError, outOfFiles } from './errors.ts'
import type { Exchange, Handler, LogFields } from './exchange.ts'
import { checkFraming } from './framing.ts'
import { sendError } from './refuse.ts'
import { COMMON_HEADERS } from './respond.ts'

export interface AnswerInit {
  /** finds out what is asked and answers it; what it throws is answered by `toHttpError` */
  dispatch: Handler
  toHttpError: (error: unknown) => HttpError
  clock: Clock
  log?: Log
  /** level of the one line of a request that was answered; one that failed inside is a warning */
  logLevel: 'debug' | 'info'
  metrics?: HttpMetrics
  /** told of what limits refuse */
  refusals?: Refusals
  /** what a client gets to take the rest of an answer, once all of it was written; a minute when absent */
  leaveMs?: number
}

export interface AnswerOptions {
  /** whom the request counts for */
  address: string
  /** aborted when the connection is closed */
  closed: AbortSignal
  /** answered instead of what was asked */
  refusal?: HttpError
  /** the client waits for `100 Continue` before it sends its body */
  expectsContinue: boolean
  /** aborted when the server's patience with requests under way ends */
  stopping: AbortSignal
}

/** Answers one request, whatever happens; resolves when it is over and never rejects. */
export type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  options: AnswerOptions,
) => Promise<void>

// small answers are written at once: a client that does not take one for this long will not
const LEAVE_MS = 60_000
// what nginx logs for it
const CLIENT_GONE_STATUS = 499

/** Errors by which a limit refuses, as they are counted. */
const LIMITS: Partial<Record<ErrorReason, RefusalReason<'http'>>> = {
  BUSY: 'busy',
  BODY_TOO_SLOW: 'slow',
  BODY_TOO_LARGE: 'size',
  TOO_MANY_FAILURES: 'rate',
  NO_SPACE: 'disk',
  OUT_OF_FILES: 'files',
}

export function createAnswer(init: AnswerInit): Answer {
  const { dispatch, toHttpError, clock, log, logLevel, metrics: counts, refusals, leaveMs = LEAVE_MS } = init
  return async (request, response, options) => {
    const { expectsContinue, stopping, address, closed: hungUp, refusal } = options
    const startMs = clock.monotonic()
    const gone = new AbortController()
    let listening: Disposable | undefined
    const closed = new Promise<void>(resolve => {
      const onClose = () => {
        listening?.[Symbol.dispose]()
        if (!response.writableFinished) gone.abort(new Error('the client hung up'))
        resolve()
      }
      response.once('close', onClose)
      // an answer that still waits for those before it on its connection is not told
      listening = onAbort(hungUp, onClose)
    })
    response.on('error', () => {}) // a broken connection also closes
    let sendsBody = !expectsContinue
    const fields: LogFields = {}
    const exchange: Exchange = {
      request,
      response,
      address,
      url: new URL('http://server/'),
      params: {},
      signal: AbortSignal.any([gone.signal, stopping]),
      stopping,
      clock,
      askForBody() {
        if (!sendsBody) response.writeContinue()
        sendsBody = true
      },
      note: more => Object.assign(fields, more),
    }

    let failure: HttpError | undefined
    let limit: RefusalReason<'http'> | undefined
    counts?.inFlight(1)
    try {
      for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value)
      const keepAlive = response.shouldKeepAlive
      response.shouldKeepAlive = false
      checkFraming(request)
      // behind a body that nobody reads, the next request would wait for its end
      response.shouldKeepAlive = keepAlive && (takesBodies(request) || !hasBody(request))
      if (refusal !== undefined) throw refusal
      await dispatch(exchange)
    } catch (error) {
      failure = outOfFiles(error) ?? toHttpError(error)
      limit = LIMITS[failure.code]
      if (limit !== undefined && failure !== refusal) refusals?.refused('http', limit)
      await sendError(exchange, failure, sendsBody)
    }
    const late = clock.after(leaveMs, () => response.destroy())
    await closed
    late.stop()
    conclude()

    function conclude(): void {
      const durationMs = Math.round(clock.monotonic() - startMs)
      const status = gone.signal.aborted ? CLIENT_GONE_STATUS : response.statusCode
      counts?.inFlight(-1)
      counts?.request(fields.route ?? 'none', request.method ?? '', status, durationMs)
      if (fields.bytesIn !== undefined) counts?.bytes('in', fields.bytesIn)
      if (fields.bytesOut !== undefined) counts?.bytes('out', fields.bytesOut)
      const line = {
        method: request.method,
        ...fields,
        status,
        durationMs,
        reason: failure?.code,
      }
      // a flood must not fill the log: what limits refuse is told of once a minute
      if (limit !== undefined) log?.debug(line, 'request refused')
      else if (status >= 500) log?.warn({ ...line, err: failure?.cause ?? failure }, 'request failed')
      else log?.[logLevel](line, 'request')
    }
  }
}

function takesBodies({ method }: IncomingMessage): boolean {
  return method === 'PUT' || method === 'POST' || method === 'PATCH'
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
