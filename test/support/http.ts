import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface AskOptions {
  method?: string
  headers?: Record<string, string>
  body?: Uint8Array
  /** another address of this machine, 127.x.y.z, to be told apart from others */
  from?: string
}

/** One request with any header, which fetch would not let us set. */
export function ask(url: string, options: AskOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body, from } = options
    const request = httpRequest(url, { method, headers, agent: false, localAddress: from }, response => {
      const chunks: Buffer[] = []
      response.on('error', reject).on('data', chunk => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      )
    })
    request.on('error', reject).end(body)
  })
}

export function jsonOf(answer: Answer) {
  return JSON.parse(answer.body.toString('utf8'))
}

/** The machine-readable reason in an error answer. */
export function reasonOf(answer: Answer): string {
  return jsonOf(answer).error.details[0].reason
}

/** A bare connection, for what no HTTP client would send. */
export async function openSocket(port: number, from?: string): Promise<Socket> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    localAddress: from,
  })
  socket.on('error', () => {})
  await new Promise<void>(resolve => socket.once('connect', () => resolve()))
  return socket
}

/** What a connection receives until it is closed. */
export async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  if (!socket.closed) await new Promise<void>(resolve => socket.once('close', () => resolve()))
  return Buffer.concat(chunks).toString('latin1')
}

/** The heads and bodies of what a connection received, for answers that say their length. */
export function statusesOf(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(match => Number(match[1]))
}
