import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../../protocols/ports.ts'
import type { HttpMetrics } from '../metrics.ts'
import type { HttpError } from './errors.ts'
import type { Exchange, Handler, LogFields } from './exchange.ts'
import { sendError } from './refuse.ts'
import { SAFE_HEADERS } from './respond.ts'

export interface AnswerInit {
  /** finds out what is asked and answers it; what it throws is answered by `toHttpError` */
  dispatch: Handler
  toHttpError: (error: unknown) => HttpError
  log?: Log
  /** level of the one line of a request that was answered; one that failed inside is a warning */
  logLevel: 'debug' | 'info'
  metrics?: HttpMetrics
  /** what a client gets to take the rest of an answer, once all of it was written; a minute when absent */
  leaveMs?: number
}

export interface AnswerOptions {
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

// small answers are written at once: whoever does not take one for this long will not
const LEAVE_MS = 60_000
// what nginx logs for it
const CLIENT_GONE_STATUS = 499

export function createAnswer(init: AnswerInit): Answer {
  const { dispatch, toHttpError, log, logLevel, metrics: counts, leaveMs = LEAVE_MS } = init
  return async (request, response, { expectsContinue, stopping }) => {
    const startMs = performance.now()
    const gone = new AbortController()
    const closed = new Promise<void>(resolve => {
      response.once('close', () => {
        if (!response.writableFinished) gone.abort(new Error('the client hung up'))
        resolve()
      })
    })
    response.on('error', () => {}) // a broken connection also closes
    let sendsBody = !expectsContinue
    const fields: LogFields = {}
    const exchange: Exchange = {
      request,
      response,
      url: new URL('http://server/'),
      params: {},
      signal: AbortSignal.any([gone.signal, stopping]),
      askForBody() {
        if (!sendsBody) response.writeContinue()
        sendsBody = true
      },
      note: more => Object.assign(fields, more),
    }

    let failure: HttpError | undefined
    counts?.inFlight(1)
    try {
      for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value)
      await dispatch(exchange)
    } catch (error) {
      failure = toHttpError(error)
      await sendError(exchange, failure, sendsBody)
    }
    const late = setTimeout(() => response.destroy(), leaveMs)
    await closed
    clearTimeout(late)
    conclude()

    function conclude(): void {
      const durationMs = Math.round(performance.now() - startMs)
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
        ...(failure && { reason: failure.reason }),
      }
      if (status >= 500) log?.warn({ ...line, err: failure?.cause ?? failure }, 'request failed')
      else log?.[logLevel](line, 'request')
    }
  }
}
