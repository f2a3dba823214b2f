import { systemClock } from '../../../base/clock.ts'
import { unexpected } from '../../../node/http/errors.ts'
import type { Handler } from '../../../node/http/exchange.ts'
import { createHttpServer, type HttpServer, type HttpServerInit } from '../../../node/http/server.ts'
import { createRefusals, type Refusals } from '../../../node/refusals.ts'

export interface TestServer {
  server: HttpServer
  url: string
  port: number
  /** what limits refused: `idle`, `busy` */
  refused: string[]
}

/** Servers of one test suite; `stopAll` belongs into afterEach. */
export function serverFactory() {
  const running: HttpServer[] = []
  const counters: Refusals[] = []
  return {
    async start(dispatch: Handler, init: Partial<HttpServerInit> = {}): Promise<TestServer> {
      const refused: string[] = []
      const refusals = createRefusals({
        clock: systemClock,
        metrics: { refused: (_, reason) => void refused.push(reason) },
      })
      const server = createHttpServer({
        name: 'the server',
        dispatch,
        toHttpError: unexpected,
        clock: systemClock,
        logLevel: 'debug',
        host: '127.0.0.1',
        port: 0,
        connections: { total: 100, perAddress: 100 },
        stopGraceMs: 50,
        refusals,
        ...init,
      })
      await server.start()
      running.push(server)
      counters.push(refusals)
      return { server, url: server.url, port: Number(new URL(server.url).port), refused }
    },
    async stopAll(): Promise<void> {
      await Promise.all(running.splice(0).map(server => server.stop()))
      for (const refusals of counters.splice(0)) refusals.close()
    },
  }
}
