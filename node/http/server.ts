import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Refusals } from '../refusals.ts'
import { type AnswerInit, createAnswer } from './answer.ts'
import { HttpError } from './errors.ts'

export interface HttpServerInit extends AnswerInit {
  /** what it is called in messages: `the gateway` */
  name: string
  host: string
  /** 0 takes a free one */
  port: number
  maxConnections: number
  /** told of what limits refuse */
  refusals?: Refusals
  /** from a request's first byte to its last, waiting for its turn included */
  requestMs: number
  /** what requests under way get when the server stops */
  stopGraceMs: number
}

export interface HttpServer {
  /** Rejects with node's own error when the port is taken: `code` EADDRINUSE, `port`. */
  start(): Promise<void>
  /** Lets requests under way finish for a short while, ends them, and cuts off what has not ended as long after. */
  stop(): Promise<void>
  /** `http://host:port`; throws before the start. */
  readonly url: string
}

// a request head is tiny; bodies have their own idle limit
const HEADERS_TIMEOUT_MS = 15_000
// above what clients keep a connection for, so that one is rarely reused just when it is dropped here
const KEEP_ALIVE_MS = 60_000

async function allOver(underWay: ReadonlySet<Promise<void>>): Promise<void> {
  while (underWay.size > 0) await Promise.all(underWay)
}

export function createHttpServer(init: HttpServerInit): HttpServer {
  const { name, host } = init
  const answer = createAnswer(init)
  let running: { server: Server; stopping: AbortController; underWay: Set<Promise<void>> } | undefined

  return {
    async start() {
      if (running !== undefined) throw new Error(`${name} runs already`)
      const stopping = new AbortController()
      const underWay = new Set<Promise<void>>()
      const serve = (expectsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
        const done = answer(request, response, { expectsContinue, stopping: stopping.signal })
          .catch(error => {
            init.log?.error({ err: error }, 'a request was not answered')
            response.destroy()
          })
          .finally(() => underWay.delete(done))
        underWay.add(done)
      }
      const server = createServer({
        headersTimeout: Math.min(HEADERS_TIMEOUT_MS, init.requestMs),
        requestTimeout: init.requestMs,
        keepAliveTimeout: KEEP_ALIVE_MS,
      })
      server.maxConnections = init.maxConnections
      server.on('drop', () => init.refusals?.refused('http', 'connections'))
      server.on('request', serve(false)).on('checkContinue', serve(true))
      server.listen(init.port, host)
      await once(server, 'listening')
      // a connection that could not be accepted, e.g. for want of file descriptors: unheard, it would end the process
      server.on('error', error => init.log?.error({ err: error }, `${name} lost a connection`))
      running = { server, stopping, underWay }
    },
    async stop() {
      if (running === undefined) return
      const { server, stopping, underWay } = running
      running = undefined
      const closed = once(server, 'close')
      server.close()
      const grace = setTimeout(
        () => stopping.abort(new HttpError(503, 'STOPPING', `${name} is stopping`, { retryAfterSeconds: 5 })),
        init.stopGraceMs,
      )
      const last = Promise.withResolvers<void>()
      const late = setTimeout(() => {
        init.log?.warn({ requests: underWay.size }, `${name} stops without waiting for all requests`)
        last.resolve()
      }, 2 * init.stopGraceMs)
      await Promise.race([allOver(underWay), last.promise])
      clearTimeout(grace)
      clearTimeout(late)
      server.closeAllConnections()
      await closed
    },
    get url() {
      if (running === undefined) throw new Error(`${name} does not run`)
      const { port } = running.server.address() as AddressInfo
      return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    },
  }
}
