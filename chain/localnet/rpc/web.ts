import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Clock } from '../../../base/clock.ts'
import { deadline } from './deadline.ts'
import { checkEncoding, dataFrame, framingOf, readMessages, replyType, trailerFrame } from './framing.ts'
import { allowedHost, allowedOrigin, corsHeaders } from './guard.ts'
import { serveNative } from './native.ts'
import { runCall, untilAborted } from './run-call.ts'
import { SERVER_LIMITS } from './server-limits.ts'
import type { Route, Serving } from './serving.ts'
import { RpcStatus } from './status.ts'

export type Request = IncomingMessage | Http2ServerRequest
export type Response = ServerResponse | Http2ServerResponse

export interface WebServing extends Serving {
  /** the address that the server is bound to */
  host: string
  /** of web pages of other hosts that may call */
  pageOrigins: readonly string[]
  /** by `METHOD /path` */
  routes: ReadonlyMap<string, Route>
}

/** An answer in plain HTTP. */
class Refusal extends Error {
  readonly status: number
  readonly refusal: string | undefined

  constructor(status: number, message: string, refusal?: string) {
    super(message)
    this.status = status
    this.refusal = refusal
  }
}

/** Answers a request of either version of HTTP: a call of gRPC, native or web, or a route. */
export async function serveWeb(request: Request, response: Response, serving: WebServing): Promise<void> {
  try {
    await answer(request, response, serving)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.refusal !== undefined) serving.refused(error.refusal)
    plain(response, error.status, { error: error.message })
  }
}

async function answer(request: Request, response: Response, serving: WebServing): Promise<void> {
  const { headers } = request
  const name = authorityOf(request)
  const origin = headers.origin
  if (!allowedHost(name, serving.host)) throw new Refusal(403, 'unknown Host')
  if (!allowedOrigin(origin, name, serving.pageOrigins)) throw new Refusal(403, 'unknown Origin')
  if (origin !== undefined)
    for (const [header, value] of Object.entries(corsHeaders(origin))) response.setHeader(header, value)
  if (request.method === 'OPTIONS') return plain(response, 204)

  const path = pathOf(request.url ?? '/')
  const route = serving.routes.get(`${request.method} ${path}`)
  const framing = framingOf(headers['content-type'])
  if (route === undefined && request.method !== 'POST') throw new Refusal(404, 'not found')
  if (route === undefined && framing === undefined) throw new Refusal(415, 'gRPC or gRPC-web expected')
  checkEncodings(request)
  if (framing !== 'native' && Number(headers['content-length'] ?? 0) > SERVER_LIMITS.maxBodyBytes)
    throw tooLarge()
  if (route !== undefined) return await callRoute(request, response, route, serving)
  if (isHttp2(request)) {
    if (framing !== 'native')
      throw new Refusal(415, 'gRPC-web is served over HTTP/1.1; HTTP/2 has gRPC itself')
    return await serveNative(request, response as Http2ServerResponse, serving)
  }
  if (framing === 'native') throw new Refusal(415, 'gRPC needs HTTP/2; over HTTP/1.1 there is gRPC-web')
  await serveGrpcWeb(request, response as ServerResponse, path, framing!, serving)
}

const isHttp2 = (request: Request): request is Http2ServerRequest => request.httpVersionMajor === 2

const authorityOf = (request: Request): string | undefined =>
  isHttp2(request) ? request.authority || request.headers.host : request.headers.host

/** `//` and `/\` are paths like others, which a URL parser takes for hosts. */
function pathOf(target: string): string {
  if (target.startsWith('/')) return target.split(/[?#]/)[0]!
  const url = URL.parse(target)
  if (url === null) throw new Refusal(400, 'the request names no path')
  return url.pathname
}

/** Bodies come as they are. */
function checkEncodings({ headers }: Request): void {
  const transfer = headers['transfer-encoding']?.toLowerCase()
  if (transfer !== undefined && transfer !== 'chunked')
    throw new Refusal(501, `transfer-encoding ${transfer.slice(0, 40)} is not supported, only chunked`)
  const content = headers['content-encoding']?.toLowerCase()
  if (content !== undefined && content !== 'identity')
    throw new Refusal(415, `content-encoding ${content.slice(0, 40)} is not supported`)
}

const tooLarge = () => new Refusal(413, `at most ${SERVER_LIMITS.maxBodyBytes} bytes`, 'size')

async function callRoute(
  request: Request,
  response: Response,
  route: Route,
  { account, clock }: WebServing,
): Promise<void> {
  let leave: () => void
  try {
    leave = account.call()
  } catch (error) {
    throw new Refusal(503, (error as RpcStatus).message, 'address')
  }
  try {
    const { status, json } = await route({
      body: await readBody(request, clock),
      remoteAddress: request.socket.remoteAddress,
      authorization: request.headers.authorization,
    })
    plain(response, status, json)
  } finally {
    leave()
  }
}

/** A route's whole body: far less than a call may send. */
async function readBody(request: Request, clock: Clock): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  const { signal, clear } = deadline(
    clock,
    SERVER_LIMITS.bodyMs,
    () => new Refusal(408, 'the body took too long', 'time'),
  )
  try {
    for await (const chunk of untilAborted(request.iterator({ destroyOnReturn: false }), signal)) {
      size += chunk.length
      if (size > SERVER_LIMITS.maxRouteBytes) throw tooLarge()
      chunks.push(chunk)
    }
  } finally {
    clear()
  }
  return Buffer.concat(chunks)
}

async function serveGrpcWeb(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  framing: 'binary' | 'text',
  { methods, account, clock, closing, metadata, ended }: WebServing,
): Promise<void> {
  const { headers } = request
  const hangUp = new AbortController()
  response.on('close', () => hangUp.abort(new RpcStatus('CANCELLED', 'the caller hung up')))
  const begin = () => {
    if (response.headersSent || response.destroyed) return
    for (const [header, value] of Object.entries(metadata())) response.setHeader(header, value)
    response.writeHead(200, { 'content-type': replyType(headers['content-type']) })
    // a subscription's caller learns that it stands before there is anything to tell
    response.flushHeaders()
  }
  const { status, unexpected } = await runCall({
    method: methods.get(path),
    path,
    account,
    clock,
    timeout: singleOf(headers['grpc-timeout']),
    signal: AbortSignal.any([hangUp.signal, closing]),
    requests: () => {
      checkEncoding(singleOf(headers['grpc-encoding']))
      const chunks = request.iterator({ destroyOnReturn: false })
      return readMessages(framing === 'text' ? fromBase64(chunks) : chunks, account.body)
    },
    begin,
    async send(message, signal) {
      begin()
      if (!response.write(dataFrame(message, framing))) await once(response, 'drain', { signal })
    },
  })
  ended(path, status, unexpected)
  if (response.destroyed) return
  begin()
  response.setTimeout(SERVER_LIMITS.stalledMs, () => response.destroy())
  response.end(trailerFrame(status, framing))
}

const singleOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value

/** Groups of four characters as they come together. */
async function* fromBase64(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest = ''
  for await (const chunk of chunks) {
    const text = rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
    const whole = text.length - (text.length % 4)
    rest = text.slice(whole)
    if (whole > 0) yield Buffer.from(text.slice(0, whole), 'base64')
  }
  if (rest.length > 0) yield Buffer.from(rest, 'base64')
}

function plain(response: Response, status: number, json?: unknown): void {
  if (response.destroyed || response.headersSent) return
  response.statusCode = status
  if (json === undefined) {
    response.end()
    return
  }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(json))
}
