import { once } from 'node:events'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Connection } from '@libp2p/interface'
import { onAbort } from '../../base/wait.ts'
import { HTTP } from '../../protocols/index.ts'
import { receiveBody } from '../http/body.ts'
import { HttpError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'
import { streamSocket } from '../network/stream-socket.ts'

/** Of one hop only, what the relay says itself, and what was meant for whoever stands in front of the relay: the node is a stranger. */
const NOT_ASKED =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|host|x-forwarded-.*|forwarded|cookie|authorization)$/

/** The node is a stranger that speaks at the relay's address: it says of its answer what the storage API does, and nothing of the relay. */
const ANSWERED =
  /^(accept-ranges|allow|cache-control|content-(length|range|type)|cross-origin-resource-policy|etag|retry-after)$/

function pick(
  headers: IncomingMessage['headers'],
  isTaken: (name: string) => boolean,
): Record<string, string | string[]> {
  const all = Object.entries(headers).filter(([name, value]) => value !== undefined && isTaken(name))
  return Object.fromEntries(all) as Record<string, string | string[]>
}

/**
 * Passes one request on to the node at the other end of the connection, and its answer back. `moved` is told of bytes, and gives for how
 * many ms whoever sends them is to rest. Throws HttpError; an answer that has begun is broken off.
 */
export async function forward(
  exchange: Exchange,
  connection: Connection,
  moved: (bytes: number) => number,
): Promise<void> {
  const { request, response, signal, clock, params } = exchange
  using limit = clock.deadline(HTTP.answerMs, [signal])
  const stream = await connection
    .newStream(HTTP.id, { signal: limit.signal, maxOutboundStreams: HTTP.streams })
    .catch(cause => {
      throw new HttpError(502, 'INTERNAL', 'the node does not answer', { cause })
    })
  const socket = streamSocket(stream, params.peerId ?? '', clock)
  const stop = (): void => void socket.destroy()
  using _ = onAbort(signal, stop)
  try {
    // a request on a socket that is over by then would never hear of it
    signal.throwIfAborted()
    const asked = httpRequest({ ...requestOf(exchange), createConnection: () => socket })
    const answered = answerOf(asked)
    const early = new AbortController()
    // one that breaks off is told of by the answer that does not come
    answered.catch(() => undefined).finally(() => early.abort(new Error('nothing more is wanted')))
    exchange.askForBody()
    await send(request, asked, moved, exchange, early.signal).catch(whenTooSlow)
    using silence = clock.deadline(HTTP.headMs, [signal])
    const listening = onAbort(silence.signal, stop)
    const answer = await answered
    listening[Symbol.dispose]()
    // what is left of a body that the node did not want would be taken for the next request
    if (!request.complete) response.shouldKeepAlive = false
    response.writeHead(
      answer.statusCode ?? 502,
      pick(answer.headers, name => ANSWERED.test(name)),
    )
    await send(answer, response, moved, exchange, signal)
  } catch (cause) {
    if (response.headersSent) response.destroy()
    else if (cause instanceof HttpError) throw cause
    else throw new HttpError(502, 'INTERNAL', 'the node broke off', { cause })
  } finally {
    socket.destroy()
  }
}

function requestOf({ request, url, address }: Exchange) {
  return {
    method: request.method,
    path: `${url.pathname.replace(/^\/peers\/[^/]+/, '')}${url.search}`,
    headers: {
      ...pick(request.headers, name => !NOT_ASKED.test(name)),
      host: 'node',
      // an address that is no network of many
      'x-forwarded-for': isIP(address) === 0 ? `${address}::` : address,
      connection: 'close',
    },
  }
}

/** A client that sends nothing is told so; whatever else ends a body, the node's answer says. */
function whenTooSlow(error: unknown): void {
  if (error instanceof HttpError && error.code === 'BODY_TOO_SLOW') throw error
}

function answerOf(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.once('response', resolve).on('error', reject)
  })
}

/** At the pace at which it is read, and at the relay's rates. Throws HttpError for who sends nothing, or too little. */
async function send(
  from: IncomingMessage,
  to: ClientRequest | Exchange['response'],
  moved: (bytes: number) => number,
  { clock }: Exchange,
  ended: AbortSignal,
): Promise<void> {
  const limits = {
    maxBytes: Number.MAX_SAFE_INTEGER,
    idleMs: HTTP.stallMs,
    minBytesPerSecond: HTTP.minBytesPerSecond,
  }
  await receiveBody(from, { ...limits, signal: ended, clock }, async chunk => {
    const restMs = moved(chunk.length)
    if (restMs > 0) await clock.sleep(restMs, ended)
    if (to.write(chunk)) return
    using limit = clock.deadline(HTTP.stallMs, [ended])
    await once(to, 'drain', { signal: limit.signal })
  })
  to.end()
}
