import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type AnswerInit, createAnswer } from './answer.ts'
import { type ConnectionLimits, createConnections, REFUSED_AT_A_TIME } from './connections.ts'
import { HttpError } from './errors.ts'
import { parseFailure } from './raw-answer.ts'
import { createReception } from './reception.ts'

export interface HttpServerInit extends AnswerInit {
  /** what it is called in messages: `the gateway` */
  name: string
  host: string
  /** 0 takes a free one */
  port: number
  connections: ConnectionLimits
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

// a request head is tiny; of bodies silence and speed are limited, not the time that they take in all
const HEADERS_TIMEOUT_MS = 15_000
const CHECK_MS = 5_000
// above what clients keep a connection for, so that one is rarely reused just when it is dropped here
const KEEP_ALIVE_MS = 60_000

async function allOver(underWay: ReadonlySet<Promise<void>>): Promise<void> {
  while (underWay.size > 0) await Promise.all(underWay)
}

export function createHttpServer(init: HttpServerInit): HttpServer {
  const { name, host } = init
  const answer = createAnswer(init)
  let running: { server: Server; stopping: AbortController; underWay: ReadonlySet<Promise<void>> } | undefined

  return {
    async start() {
      if (running !== undefined) throw new Error(`${name} runs already`)
      const connections = createConnections({
        limits: init.connections,
        ...(init.refusals === undefined ? {} : { refusals: init.refusals }),
      })
      const stopping = new AbortController()
      const reception = createReception({ ...init, connections, answer, stopping: stopping.signal })
      const server = createServer({
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: 0,
        connectionsCheckingInterval: CHECK_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        requireHostHeader: false, // it is checked where errors are answered like all others
      })
      // beyond those that are told why there is no room for them
      server.maxConnections = init.connections.total + REFUSED_AT_A_TIME
      server.on('drop', () => init.refusals?.refused('http', 'connections'))
      server.on('connection', connections.add)
      server.on('request', reception.take)
      server.on('checkContinue', (request, response) => {
        reception.take(request, response, { expectsContinue: true })
      })
      server.on('checkExpectation', (request, response) => {
        const refusal = new HttpError(417, 'MALFORMED_REQUEST', 'the only Expect is 100-continue')
        reception.take(request, response, { expectsContinue: true, refusal })
      })
      server.on('connect', (_, socket: Socket) => {
        reception.breakOff(socket, new HttpError(405, 'METHOD_NOT_ALLOWED', 'this is no proxy'))
      })
      server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
        reception.breakOff(socket, parseFailure(error.code))
      })
      server.listen(init.port, host)
      await once(server, 'listening')
      // a connection that could not be accepted, e.g. for want of file descriptors: unheard, it would end the process
      server.on('error', error => init.log?.error({ err: error }, `${name} lost a connection`))
      running = { server, stopping, underWay: reception.underWay }
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
