import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import * as timers from 'node:timers/promises'
import { dataFrame, type Framing, framingOf, readRequest, trailerFrame } from './framing.ts'
import { allowedHost, allowedOrigin, corsHeaders } from './guard.ts'
import type { Method } from './methods.ts'
import { RpcStatus, STATUS, toStatus } from './status.ts'

/** A plain HTTP route (the faucet, the admin's). */
export type Route = (request: { body: Uint8Array; remoteAddress: string | undefined }) => Promise<{
  status: number
  json: unknown
}>

export interface ServerLog {
  debug(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface ServerOptions {
  host: string
  /** 0: any free one */
  port: number
  methods: ReadonlyMap<string, Method>
  /** by `METHOD /path` */
  routes: ReadonlyMap<string, Route>
  log?: ServerLog
}

/** Twice what a transaction may have, in base64. */
const maxBodyBytes = 1024 * 1024

/** How long a caller may take to read what is left for it when the server closes. */
const maxGoodbyeMs = 1000

export interface RpcServer {
  url: string
  close(): Promise<void>
}

// with node's 5 s, a client whose process was busy that long sends its next call into a connection just closed
const KEEP_ALIVE_MS = 60_000

/** gRPC-web over HTTP/1.1. Throws the system's error when the port is taken. */
export async function startServer(options: ServerOptions): Promise<RpcServer> {
  const closing = new AbortController()
  const active = new Set<http.ServerResponse>()
  const server = http.createServer((request, response) => {
    active.add(response)
    response.on('close', () => active.delete(response))
    void respond(request, response, options, closing.signal).catch(error => {
      options.log?.error({ err: error, path: request.url }, 'request failed')
      response.destroy()
    })
  })
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.listen(options.port, options.host)
  await once(server, 'listening')
  const { address, port, family } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    async close() {
      closing.abort(new RpcStatus('UNAVAILABLE', 'the server is shutting down'))
      const closed = once(server, 'close')
      server.close()
      // streams end by the signal; a caller who does not read must not hold up the end
      const ended = Promise.allSettled([...active].map(response => once(response, 'close')))
      await Promise.race([ended, timers.setTimeout(maxGoodbyeMs, undefined, { ref: false })])
      server.closeAllConnections()
      await closed
    },
  }
}

async function respond(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  { host, methods, routes, log }: ServerOptions,
  closing: AbortSignal,
): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname
  const { host: name, origin } = request.headers
  if (!allowedHost(name, host)) return plain(response, 403, { error: 'unknown Host' })
  if (!allowedOrigin(origin, name)) return plain(response, 403, { error: 'unknown Origin' })
  if (origin !== undefined)
    for (const [header, value] of Object.entries(corsHeaders(origin))) response.setHeader(header, value)
  if (request.method === 'OPTIONS') return plain(response, 204)
  const route = routes.get(`${request.method} ${path}`)
  const framing = framingOf(request.headers['content-type'] ?? '')
  if (!route && request.method !== 'POST') return plain(response, 404, { error: 'not found' })
  if (!route && !framing) return plain(response, 415, { error: 'gRPC-web expected' })
  const body = await readBody(request)
  if (!body) return plain(response, 413, { error: `at most ${maxBodyBytes} bytes` })
  if (route) {
    const { status, json } = await route({ body, remoteAddress: request.socket.remoteAddress })
    return plain(response, status, json)
  }

  const hangUp = new AbortController()
  response.on('close', () => hangUp.abort(new RpcStatus('CANCELLED', 'the caller hung up')))
  const signal = AbortSignal.any([hangUp.signal, closing])
  response.writeHead(200, {
    'content-type': framing === 'text' ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto',
  })
  // a subscription's caller learns that it stands before there is anything to tell
  response.flushHeaders()
  let status = new RpcStatus('OK', '')
  try {
    const method = methods.get(path)
    if (!method) throw new RpcStatus('UNIMPLEMENTED', `no method ${path}`)
    for await (const message of method(readRequest(body, framing!), { signal }))
      await send(response, dataFrame(message, framing!), signal)
  } catch (error) {
    status = signal.aborted ? toStatus(signal.reason) : toStatus(error)
    if (status.status === 'INTERNAL') log?.error({ err: error, path }, 'call failed')
  }
  log?.debug({ path, status: status.status }, 'call')
  endCall(response, status, framing!)
}

function endCall(response: http.ServerResponse, { status, message }: RpcStatus, framing: Framing): void {
  if (!response.destroyed) response.end(trailerFrame(STATUS[status], message, framing))
}

/** Waits when the caller reads slower than we write. */
async function send(response: http.ServerResponse, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  if (!response.write(bytes)) await once(response, 'drain', { signal })
}

function plain(response: http.ServerResponse, status: number, json?: unknown): void {
  if (json === undefined) {
    response.writeHead(status).end()
    return
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
}

/** The whole body; undefined when it is too large. */
async function readBody(request: http.IncomingMessage): Promise<Uint8Array | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return undefined
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > maxBodyBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
