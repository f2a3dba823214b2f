import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock } from '../../../base/clock.ts'
import { type Connection, createConnections } from '../../../base/http/connections.ts'
import { listen } from '../../../base/http/listen.ts'
import { withDefaults } from '../../../base/with-defaults.ts'
import { Accounts } from './accounts.ts'
import type { Method } from './methods.ts'
import { SERVER_LIMITS, type ServerLimits } from './server-limits.ts'
import type { Route } from './serving.ts'
import { sniff } from './sniff.ts'
import { RpcStatus } from './status.ts'
import { type Request, type Response, serveWeb } from './web.ts'

export interface ServerLog {
  debug(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface ServerOptions {
  host: string
  /** 0: any free one */
  port: number
  /** of web pages of other hosts that may call; none when absent */
  pageOrigins?: readonly string[] | undefined
  clock: Clock
  methods: ReadonlyMap<string, Method>
  /** by `METHOD /path` */
  routes: ReadonlyMap<string, Route>
  /** headers of every reply to a call */
  metadata?: () => Record<string, string>
  log?: ServerLog
  limits?: Partial<ServerLimits>
  /** file descriptors of the process that may be in use; found out when absent */
  descriptorCeiling?: number
  /** told of everything that a limit refused, by reason */
  onRefused?: (reason: string) => void
}

export interface RpcServer {
  url: string
  close(): Promise<void>
}

/**
 * Native gRPC over HTTP/2 (without TLS, by prior knowledge), gRPC-web over HTTP/1.1, and plain routes over either, on
 * one port: a connection's first bytes tell. Throws the system's error when the port is taken.
 */
export async function startServer(options: ServerOptions): Promise<RpcServer> {
  const { host, clock, log, onRefused = () => undefined } = options
  const limits = withDefaults<ServerLimits>(SERVER_LIMITS, options.limits)
  const closing = new AbortController()
  const active = new Set<Response>()
  const sessions = new Set<http2.ServerHttp2Session>()
  const accounts = new Accounts(limits)
  const connections = createConnections({
    limits: {
      total: limits.maxConnections,
      perAddress: limits.maxConnectionsPerAddress,
      descriptorCeiling: options.descriptorCeiling,
    },
    clock,
    onShed: onRefused,
  })

  const serve = (request: Request, response: Response, connection: Connection | undefined) => {
    active.add(response)
    const end = connection?.begin()
    response.on('close', () => {
      active.delete(response)
      end?.()
    })
    serveWeb(request, response, {
      ...options,
      pageOrigins: options.pageOrigins ?? [],
      metadata: options.metadata ?? (() => ({})),
      account: accounts.of(request.socket?.remoteAddress),
      closing: closing.signal,
      refused: onRefused,
      ended(path, status, unexpected) {
        if (status.details.refusal !== undefined) onRefused(status.details.refusal)
        if (unexpected) log?.error({ err: unexpected, path }, 'call failed')
        log?.debug({ path, status: status.code }, 'call')
      },
    }).catch(error => {
      // a caller that goes away is nothing to tell
      const fields = { err: error, path: request.url }
      if (request.destroyed || response.destroyed) log?.debug(fields, 'request cut off')
      else log?.error(fields, 'request failed')
      response.destroy()
    })
  }

  const server = http.createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.headersMs + limits.bodyMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: limits.maxHeaderBytes,
    },
    (request, response) => {
      const connection = connections.of(request.socket)
      if (connection !== undefined && connection.requests >= limits.maxPipelined) {
        onRefused('rate')
        request.socket.destroy()
        return
      }
      serve(request, response, connection)
    },
  )
  const overHttp2 = http2.createServer({
    settings: {
      maxConcurrentStreams: limits.maxStreams,
      maxHeaderListSize: limits.maxHeaderBytes,
      enablePush: false,
    },
    maxSessionMemory: 16, // MB
    maxHeaderListPairs: 64,
    maxSettings: 16,
    maxSessionInvalidFrames: 16,
    maxSessionRejectedStreams: 64,
    maxOutstandingPings: 4,
    // a rapid reset of streams ends the connection
    streamResetBurst: 256,
    streamResetRate: 32,
  })
  const busySessions = new WeakMap<http2.Http2Session, Connection>()
  /** whose session is being made */
  let arriving: Connection | undefined
  overHttp2.on('session', session => {
    const connection = arriving!
    busySessions.set(session, connection)
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('error', error => log?.debug({ err: error }, 'connection failed'))
    session.setTimeout(limits.keepAliveMs, () => {
      if (connection.requests === 0) session.close()
    })
  })
  overHttp2.on('request', (request, response) => {
    const { session } = request.stream
    serve(request, response, session && busySessions.get(session))
  })

  // connections are looked at before node's own listener has them
  const [accept] = server.listeners('connection') as [(this: http.Server, socket: Socket) => void]
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true)
    const connection = connections.add(socket)
    if (connection.noRoom !== undefined) {
      onRefused(connection.noRoom)
      socket.destroy()
      return
    }
    sniff(socket, clock, limits.firstBytesMs, protocol => {
      if (protocol === 'http1') {
        accept.call(server, socket)
        return
      }
      arriving = connection
      overHttp2.emit('connection', socket)
      arriving = undefined
    })
  })

  const listening = await listen(server, {
    host,
    port: options.port,
    connections,
    clock,
    onLost: error => log?.error({ err: error }, 'a connection was lost'),
  })
  return {
    url: listening.url,
    async close() {
      closing.abort(new RpcStatus('UNAVAILABLE', 'the server is shutting down'))
      // streams end by the signal; a caller who does not read must not hold up the end
      const ended = Promise.allSettled([...active, ...sessions].map(one => once(one, 'close')))
      for (const session of sessions) session.close()
      await listening.close(ended, limits.goodbyeMs)
    },
  }
}
