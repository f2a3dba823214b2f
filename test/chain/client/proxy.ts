import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy that breaks what goes through it when a test says so. */
export class FlakyProxy {
  readonly #server: Server
  readonly #target: { host: string; port: number }
  readonly #sockets = new Set<Socket>()
  #port = 0
  #loseReplyTo: string | undefined
  #lost = Promise.withResolvers<void>()
  /** connections taken since the start */
  connections = 0

  constructor(targetUrl: string) {
    const { hostname, port } = new URL(targetUrl)
    this.#target = { host: hostname, port: Number(port) }
    this.#server = createServer(socket => this.#connect(socket))
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

  /** Breaks every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** The next request that has this text in it reaches the server, and its reply is lost with the connection. */
  loseReplyTo(text: string): Promise<void> {
    this.#loseReplyTo = text
    this.#lost = Promise.withResolvers<void>()
    return this.#lost.promise
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.cut()
    await closed
  }

  #connect(socket: Socket): void {
    this.connections++
    const upstream = connect(this.#target)
    let lose = false
    const end = () => {
      socket.destroy()
      upstream.destroy()
      this.#sockets.delete(socket)
    }
    this.#sockets.add(socket)
    socket.on('data', data => {
      if (this.#loseReplyTo !== undefined && data.includes(this.#loseReplyTo)) {
        this.#loseReplyTo = undefined
        lose = true
      }
      upstream.write(data)
    })
    upstream.on('data', data => {
      if (!lose) return void socket.write(data)
      end()
      this.#lost.resolve()
    })
    for (const side of [socket, upstream]) {
      side.on('error', end)
      side.on('close', end)
    }
  }
}
