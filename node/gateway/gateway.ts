import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAnswer } from './answer.ts'
import { HttpError } from './errors.ts'
import { DEFAULT_GATEWAY_PORT, DEFAULT_LIMITS, type GatewayInit } from './options.ts'

/** HTTP for people: reads blobs from the network's nodes and, where allowed, stores them. */
export interface Gateway {
  /** Rejects with node's own error when the port is taken: `code` EADDRINUSE, `port`. */
  start(): Promise<void>
  /** Lets requests under way finish for a short while, then ends them. */
  stop(): Promise<void>
  /** `http://host:port`; throws before the start. */
  readonly url: string
}

// a request head is tiny; bodies have their own idle limit
const HEADERS_TIMEOUT_MS = 15_000
// far above what one machine's people open, far below the file descriptors of a process
const MAX_CONNECTIONS = 1024

export function createGateway(init: GatewayInit): Gateway {
  const limits = { ...DEFAULT_LIMITS, ...init.limits }
  const host = init.host ?? '127.0.0.1'
  const answer = createAnswer(init, limits)
  let running: { server: Server; stopping: AbortController; underWay: Set<Promise<void>> } | undefined

  return {
    async start() {
      if (running !== undefined) throw new Error('the gateway runs already')
      const stopping = new AbortController()
      const underWay = new Set<Promise<void>>()
      const serve = (expectsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
        const done = answer(request, response, { expectsContinue, stopping: stopping.signal })
        underWay.add(done)
        done.finally(() => underWay.delete(done))
      }
      const server = createServer({
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: limits.waitMs + limits.publishMs, // the whole body, after waiting for its turn
      })
      server.maxConnections = MAX_CONNECTIONS
      server.on('request', serve(false)).on('checkContinue', serve(true))
      server.listen(init.port ?? DEFAULT_GATEWAY_PORT, host)
      await once(server, 'listening')
      running = { server, stopping, underWay }
    },
    async stop() {
      if (running === undefined) return
      const { server, stopping, underWay } = running
      running = undefined
      const closed = once(server, 'close')
      server.close()
      const grace = setTimeout(
        () =>
          stopping.abort(new HttpError(503, 'STOPPING', 'the gateway is stopping', { retryAfterSeconds: 5 })),
        limits.stopGraceMs,
      )
      while (underWay.size > 0) await Promise.all(underWay)
      clearTimeout(grace)
      server.closeAllConnections()
      await closed
    },
    get url() {
      if (running === undefined) throw new Error('the gateway does not run')
      const { port } = running.server.address() as AddressInfo
      return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    },
  }
}
