import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { ipToBytes, networkOf } from '../../base/ip.ts'
import { createRates } from '../../base/rates.ts'
import {
  decodeStunRequest,
  encodeStunAnswer,
  STUN,
  STUN_HEADER_BYTES,
  stunLength,
} from '../../protocols/index.ts'

export interface StunServerInit {
  /** an IP address; `::` takes IPv4 as well */
  host: string
  /** of both; 0 takes a free one */
  port: number
  clock: Pick<Clock, 'monotonic'>
  /** told of what is not answered */
  refused?: (reason: StunRefusal) => void
}

/** Why a question has no answer: asked too often, no whole request, or a question too short for its answer over UDP. */
export type StunRefusal = 'rate' | 'malformed' | 'short' | 'full'

export interface StunServer extends AsyncDisposable {
  readonly port: number
  close(): Promise<void>
}

/**
 * Tells whoever asks from which address they do so, over UDP and TCP. Rejects with Node's own error when the port is taken. Nothing
 * is kept of an asker but a rate.
 */
export async function createStunServer(init: StunServerInit): Promise<StunServer> {
  const { host, port, clock, refused = () => undefined } = init
  const rates = createRates({
    perSecond: STUN.perSecondPerAddress,
    burst: STUN.burstPerAddress,
    remembered: STUN.remembered,
    now: () => clock.monotonic(),
  })
  const answer = (question: Uint8Array, ip: string, from: number): Uint8Array | undefined => {
    // a socket that was reset knows no address, and may still have its question; to port 0 nothing can be sent
    if (ipToBytes(ip) === undefined || from === 0) return void refused('malformed')
    if (!rates.tryTake(networkOf(ip))) return void refused('rate')
    const transaction = decodeStunRequest(question)
    if (transaction === undefined) return void refused('malformed')
    return encodeStunAnswer(transaction, { ip, port: from })
  }
  const tcp = await overTcp(host, port, answer, refused)
  let udp: UdpSocket
  try {
    udp = await overUdp(host, tcp.port, answer, refused)
  } catch (error) {
    await tcp.close()
    throw error
  }
  const close = async () => {
    // a socket that is closed twice throws
    if (closed) return
    closed = true
    udp.close()
    await tcp.close()
  }
  let closed = false
  return { port: tcp.port, close, [Symbol.asyncDispose]: close }
}

type Answer = (question: Uint8Array, ip: string, port: number) => Uint8Array | undefined

async function overUdp(
  address: string,
  port: number,
  answer: Answer,
  refused: (reason: StunRefusal) => void,
): Promise<UdpSocket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', (question, { address: ip, port: from }) => {
    const bytes = answer(question, ip, from)
    if (bytes === undefined) return
    // who sends with a false address would have us send more to its owner than it sends itself
    if (bytes.length > STUN.maxAnswerFactor * question.length) return refused('short')
    socket.send(bytes, from, ip, () => undefined)
  })
  socket.bind(port, address)
  await once(socket, 'listening')
  // what cannot be sent is lost, as on the way
  socket.on('error', () => undefined)
  return socket
}

async function overTcp(host: string, port: number, answer: Answer, refused: (reason: StunRefusal) => void) {
  const open = new Map<Socket, string>()
  const countOf = (network: string) => [...open.values()].filter(other => other === network).length
  const server = createServer({ noDelay: true }, socket => {
    socket.on('error', () => undefined)
    const { remoteAddress: ip = '', remotePort = 0 } = socket
    const network = networkOf(ip)
    if (open.size >= STUN.connections || countOf(network) >= STUN.connectionsPerAddress) {
      refused('full')
      return socket.resetAndDestroy()
    }
    open.set(socket, network)
    socket.on('close', () => open.delete(socket))
    socket.setTimeout(STUN.idleMs, () => socket.destroy())
    serve(socket, question => answer(question, ip, remotePort), refused)
  })
  server.listen(port, host)
  await once(server, 'listening')
  server.on('error', () => undefined)
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const over = once(server, 'close')
      server.close()
      for (const socket of open.keys()) socket.destroy()
      await over
    },
  }
}

/** Questions one after the other; whoever sends anything else, or takes no answers, is hung up on. */
function serve(
  socket: Socket,
  answer: (question: Uint8Array) => Uint8Array | undefined,
  refused: (reason: StunRefusal) => void,
): void {
  let waiting: Uint8Array = new Uint8Array()
  socket.on('data', (data: Uint8Array) => {
    waiting = waiting.length === 0 ? data : Buffer.concat([waiting, data])
    while (waiting.length >= STUN_HEADER_BYTES) {
      const length = stunLength(waiting)
      if (length === undefined) refused('malformed')
      else if (waiting.length < length) return
      const bytes = length && answer(waiting.subarray(0, length))
      if (!bytes || !socket.write(bytes)) return void socket.destroy()
      waiting = waiting.subarray(length)
    }
  })
}
