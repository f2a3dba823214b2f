import assert from 'node:assert/strict'
import type { Exchange, Handler } from '../../../node/http/exchange.ts'
import { sendText } from '../../../node/http/respond.ts'
import { ask, openSocket, readAll, statusesOf } from '../../support/http.ts'
import { serverFactory } from './support.ts'

const request = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`

describe('http pipelining', () => {
  const { start, stopAll } = serverFactory()
  afterEach(stopAll)

  /** Handlers that end one by one. */
  const stepwise = () => {
    const waiting: (() => void)[] = []
    const seen: string[] = []
    let now = 0
    let peak = 0
    let onBegun = (): void => {}
    const dispatch: Handler = async (exchange: Exchange) => {
      seen.push(exchange.request.url ?? '')
      peak = Math.max(peak, ++now)
      const released = new Promise<void>(resolve => waiting.push(resolve))
      onBegun()
      await released
      now--
      sendText(exchange, exchange.request.url ?? '', 'text/plain')
    }
    return {
      dispatch,
      seen,
      get peak() {
        return peak
      },
      /** Ends those that begin, until `done`. */
      async run(done: Promise<unknown>) {
        let over = false
        const ended = done.finally(() => {
          over = true
        })
        while (!over) {
          const begun = new Promise<void>(resolve => {
            onBegun = resolve
          })
          if (waiting.length === 0) await Promise.race([begun, ended])
          waiting.shift()?.()
        }
      },
    }
  }

  it('works on a few requests of one connection at a time, and answers all of them in order', async () => {
    const steps = stepwise()
    const { port, refused } = await start(steps.dispatch)
    const socket = await openSocket(port)
    const received = readAll(socket)
    const paths = Array.from({ length: 60 }, (_, i) => `/${i}`)
    const last = request('/last', 'Connection: close\r\n')
    socket.write(paths.map(path => request(path)).join('') + last)
    await steps.run(received)
    const bodies = [...(await received).matchAll(/\r\n\r\n(\/\d+|\/last)/g)].map(match => match[1])
    assert.deepEqual(bodies, [...paths, '/last'])
    assert.ok(steps.peak <= 4, `${steps.peak} at a time`)
    assert.deepEqual(refused, [])
  })

  it('answers the first ones of a flood and closes the connection; others get in meanwhile', async () => {
    const steps = stepwise()
    const { port, url, refused } = await start(steps.dispatch)
    const socket = await openSocket(port)
    const received = readAll(socket)
    socket.write(request('/flood').repeat(20_000))
    const honest = ask(`${url}/honest`)
    await steps.run(Promise.all([received, honest]))
    assert.equal((await honest).status, 200)
    const statuses = statusesOf(await received)
    assert.ok(statuses.length <= 64 && statuses.every(status => status === 200))
    assert.ok(steps.seen.length <= 65, `${steps.seen.length} were begun`)
    assert.ok(steps.peak <= 5)
    assert.deepEqual(refused, ['pipelined'])
  })

  it('says nothing of a CONNECT in the middle of an answer', async () => {
    const begun = Promise.withResolvers<void>()
    const { port } = await start(async ({ response, signal }) => {
      response.writeHead(200, { 'content-length': 100 }).write('part')
      begun.resolve()
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      signal.throwIfAborted()
    })
    const socket = await openSocket(port)
    const received = readAll(socket)
    socket.write(request('/'))
    await begun.promise
    socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.doesNotMatch(await received, /405/)
  })

  it('begins nothing more for a client that hangs up, and stops at once afterwards', async () => {
    const four = Promise.withResolvers<void>()
    const aborted: string[] = []
    let begun = 0
    const { port, server } = await start(async ({ request, signal }) => {
      if (++begun === 4) four.resolve()
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      aborted.push(request.url ?? '')
      signal.throwIfAborted()
    })
    const socket = await openSocket(port)
    socket.write(request('/a').repeat(50))
    await four.promise
    socket.destroy()
    await server.stop()
    assert.deepEqual(aborted, ['/a', '/a', '/a', '/a'])
    assert.equal(begun, 4)
  })
})
