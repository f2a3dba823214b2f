import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Passes requests on, counts them by method, and lets a test act just before one. */
export class HttpProxy {
  readonly counts = new Map<string, number>()
  readonly #server: Server
  readonly #hooks = new Map<string, () => Promise<void>>()

  constructor(target: string) {
    this.#server = createServer(async (incoming, response) => {
      const method = incoming.url!.split('/').at(-1)!
      const hook = this.#hooks.get(method)
      this.#hooks.delete(method)
      await hook?.()
      this.counts.set(method, (this.counts.get(method) ?? 0) + 1)
      const { method: verb, headers, url } = incoming
      const upstream = request(new URL(url!, target), { method: verb, headers }, answer => {
        response.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(response)
      })
      upstream.on('error', () => response.destroy())
      response.on('close', () => upstream.destroy())
      incoming.pipe(upstream)
    })
  }

  async start(): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Runs once, before the next request of the method is passed on. */
  before(method: string, hook: () => Promise<void>): void {
    this.#hooks.set(method, hook)
  }

  take(): Record<string, number> {
    const counts = Object.fromEntries(this.counts)
    this.counts.clear()
    return counts
  }

  async stop(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}
