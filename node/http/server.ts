import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { type ConnectionLimits, type Connections, createConnections } from '../../base/http/connections.ts'
import { type ListenInit, type Listening, listen } from '../../base/http/listen.ts'
import { type AnswerInit, createAnswer } from './answer.ts'
import { HttpError } from './errors.ts'
import { parseFailure } from './raw-answer.ts'
import { createReception, REFUSED_AT_A_TIME } from './reception.ts'

export interface HttpServerInit extends AnswerInit {
  /** what it is called in messages: `the gateway` */
  name: string
  host: string
  /** 0 takes a free one; none: it only takes what `accept` brings */
  port: number | undefined
  connections: ConnectionLimits
  /** what requests under way get when the server stops */
  stopGraceMs: number
}

export interface HttpServer {
  /** Rejects with node's own error when the port is taken: `code` EADDRINUSE, `port`. */
  start(): Promise<void>
  /** Lets requests under way finish for a short while, ends them, and cuts off what has not ended as long after. */
  stop(): Promise<void>
  /** A connection that came otherwise than by the port; cut when the server does not run. */
  accept(socket: Socket): void
  /** `http://host:port`; throws before the start, and without a port. */
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

/** Stands in for `listen` where there is nothing to listen on. */
async function withoutPort(_: Server, { clock, connections }: ListenInit): Promise<Listening> {
  return {
    get url(): string {
      throw new Error('it listens on no port')
    },
    async close(over, withinMs) {
      const isOver = await clock.settlesWithin(over, withinMs)
      connections.closeAll()
      return isOver
    },
  }
}

/** From here on connections are read from, and told to those who listen for them already, once there is room for them. */
function haveWait(server: Server, connections: Pick<Connections, 'admit'>): void {
  // node has it as an option of servers of sockets only
  Object.assign(server, { pauseOnConnect: true })
  const listeners = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) =>
    connections.admit(socket, () => {
      for (const listener of listeners) listener.call(server, socket)
      socket.resume()
    }),
  )
}

export function createHttpServer(init: HttpServerInit): HttpServer {
  const { name, clock } = init
  const answer = createAnswer(init)
  let running:
    | {
        server: Server
        listening: Listening
        stopping: AbortController
        underWay: ReadonlySet<Promise<void>>
      }
    | undefined

  return {
    async start() {
      if (running !== undefined) throw new Error(`${name} runs already`)
      const connections = createConnections({
        limits: init.connections,
        clock,
        onShed: () => init.refusals?.refused('http', 'idle'),
        onTurnedAway: () => init.refusals?.refused('http', 'connections'),
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
      server.maxConnections =
        init.connections.total + REFUSED_AT_A_TIME + (init.connections.waiting?.total ?? 0)
      server.on('drop', () => init.refusals?.refused('http', 'connections'))
      server.on('connection', reception.admit)
      if (init.connections.waiting !== undefined) haveWait(server, connections)
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
      const start = init.port === undefined ? withoutPort : listen
      const listening = await start(server, {
        ...init,
        port: init.port ?? 0,
        connections,
        onLost: error => init.log?.error({ err: error }, `${name} lost a connection`),
      })
      running = { server, listening, stopping, underWay: reception.underWay }
    },
    async stop() {
      if (running === undefined) return
      const { listening, stopping, underWay } = running
      running = undefined
      const grace = clock.after(init.stopGraceMs, () =>
        stopping.abort(new HttpError(503, 'STOPPING', `${name} is stopping`, { retryAfterSeconds: 5 })),
      )
      const isOver = await listening.close(allOver(underWay), 2 * init.stopGraceMs)
      grace.stop()
      if (!isOver) init.log?.warn({ requests: underWay.size }, `${name} did not wait for all requests`)
    },
    accept(socket) {
      if (running === undefined) socket.destroy()
      else running.server.emit('connection', socket)
    },
    get url() {
      if (running === undefined) throw new Error(`${name} does not run`)
      return running.listening.url
    },
  }
}
