/**
 * A gRPC-web server with a ledger of checkpoints that a test writes: for what a real chain does only on bad days, such as
 * connections that break in the middle of a message.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { GrpcTypes } from '@mysten/sui/grpc'

export class GrpcFailure extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export const STATUS = { INVALID_ARGUMENT: 3, NOT_FOUND: 5, UNIMPLEMENTED: 12, UNAVAILABLE: 14 } as const

type Handler = (input: never) => object | Promise<object>
type Handlers = Record<string, Handler>

const services = [
  GrpcTypes.LedgerService,
  GrpcTypes.StateService,
  GrpcTypes.TransactionExecutionService,
  GrpcTypes.SubscriptionService,
]

/** Checkpoints that several servers may share, as several RPC nodes of one chain do. */
export class FakeCheckpoints {
  readonly checkpoints: GrpcTypes.Checkpoint[] = []
  readonly #listeners = new Set<() => void>()

  /** Adds a checkpoint of one transaction per list of events. `fork` makes their digests other ones. */
  add(transactions: { type: string; bcs: Uint8Array }[][], fork = ''): void {
    const sequenceNumber = BigInt(this.checkpoints.length)
    this.checkpoints.push(
      GrpcTypes.Checkpoint.create({
        sequenceNumber,
        summary: { timestamp: { seconds: 1000n + sequenceNumber, nanos: 0 } },
        transactions: transactions.map((events, i) => ({
          digest: `tx-${sequenceNumber}-${i}${fork}`,
          events: {
            events: events.map(({ type, bcs }) => ({
              eventType: type,
              contents: { name: type, value: bcs },
            })),
          },
        })),
      }),
    )
    for (const listener of this.#listeners) listener()
  }

  onAdd(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

export interface FakeSuiOptions {
  chain: FakeCheckpoints
  chainId?: string
  /** unary methods beyond those of the chain, by `Service/Method` */
  handlers?: Handlers
  lowest?: bigint
}

export class FakeSui {
  readonly calls: string[] = []
  /** subscriptions bring nothing from then on */
  isMuted = false
  readonly #options: FakeSuiOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #port = 0

  constructor(options: FakeSuiOptions) {
    this.#options = options
    this.#server = createServer((request, response) => void this.#serve(request, response))
    this.#server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Listens; after `stop` on the same port as before. */
  async start(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, '127.0.0.1', resolve)
    })
    this.#port = (this.#server.address() as AddressInfo).port
    return this
  }

  /** Breaks every connection at once, in the middle of whatever it carries. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.cut()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [service, name] = request.url!.split('/').slice(-2) as [string, string]
    const method = services.flatMap(s => (s.typeName === service ? s.methods : [])).find(m => m.name === name)
    const key = `${service.split('.').at(-1)}/${name}`
    this.calls.push(key)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    response.writeHead(200, { 'content-type': 'application/grpc-web+proto' })
    response.on('error', () => {})
    try {
      if (!method) throw new GrpcFailure(STATUS.UNIMPLEMENTED, 'unknown method')
      const input = method.I.fromBinary(body.subarray(5))
      const send = (message: object) =>
        response.write(frame(0, method.O.toBinary(method.O.create(message as never))))
      if (key === 'SubscriptionService/SubscribeCheckpoints') return await this.#subscribe(send, response)
      const handler = this.#options.handlers?.[key] ?? this.#own(key)
      if (!handler) throw new GrpcFailure(STATUS.UNIMPLEMENTED, `${key} is not served`)
      send(await handler(input as never))
      response.end(frame(0x80, Buffer.from('grpc-status: 0\r\n')))
    } catch (error) {
      const { status, message } =
        error instanceof GrpcFailure ? error : { status: 13, message: String(error) }
      const trailer = `grpc-status: ${status}\r\ngrpc-message: ${encodeURIComponent(message)}\r\n`
      response.end(frame(0x80, Buffer.from(trailer)))
    }
  }

  #own(key: string): Handler | undefined {
    const { chain, chainId = 'chain', lowest = 0n } = this.#options
    switch (key) {
      case 'LedgerService/GetServiceInfo':
        return () => ({
          chainId,
          checkpointHeight: BigInt(Math.max(0, chain.checkpoints.length - 1)),
          lowestAvailableCheckpoint: lowest,
        })
      case 'LedgerService/GetCheckpoint':
        return ({ checkpointId }: GrpcTypes.GetCheckpointRequest) => {
          const sequence = checkpointId.oneofKind === 'sequenceNumber' ? checkpointId.sequenceNumber : -1n
          const checkpoint = sequence < lowest ? undefined : chain.checkpoints[Number(sequence)]
          if (!checkpoint) throw new GrpcFailure(STATUS.NOT_FOUND, `checkpoint ${sequence} not found`)
          return { checkpoint }
        }
      default:
        return undefined
    }
  }

  async #subscribe(send: (message: object) => void, response: ServerResponse): Promise<void> {
    const { chain } = this.#options
    let next = chain.checkpoints.length
    send({ cursor: BigInt(next - 1) })
    const off = chain.onAdd(() => {
      if (this.isMuted) return
      for (; next < chain.checkpoints.length; next++) {
        send({ cursor: BigInt(next), checkpoint: chain.checkpoints[next] })
      }
    })
    response.on('close', off)
  }
}

function frame(type: number, payload: Uint8Array): Buffer {
  const out = Buffer.alloc(5 + payload.length)
  out[0] = type
  out.writeUInt32BE(payload.length, 1)
  out.set(payload, 5)
  return out
}
