import assert from 'node:assert/strict'
import { once } from 'node:events'
import { unexpected } from '../../../node/http/errors.ts'
import type { Handler } from '../../../node/http/exchange.ts'
import { sendText } from '../../../node/http/respond.ts'
import { createHttpServer, type HttpServer } from '../../../node/http/server.ts'
import { openSocket, readAll } from '../../support/http.ts'

describe('http server', () => {
  const running: HttpServer[] = []
  afterEach(async () => {
    await Promise.all(running.splice(0).map(server => server.stop()))
  })
  const start = async (dispatch: Handler, limits: { stopGraceMs?: number; leaveMs?: number } = {}) => {
    const server = createHttpServer({
      name: 'the server',
      dispatch,
      toHttpError: unexpected,
      logLevel: 'debug',
      host: '127.0.0.1',
      port: 0,
      maxConnections: 10,
      requestMs: 10_000,
      stopGraceMs: 50,
      ...limits,
    })
    await server.start()
    running.push(server)
    return { server, port: Number(new URL(server.url).port) }
  }
  const large = 'x'.repeat(64 * 1024 * 1024)

  it('does not keep an answer for ever that nobody reads', async () => {
    const given = Promise.withResolvers<void>()
    const dispatch: Handler = async exchange => {
      exchange.response.once('close', given.resolve)
      sendText(exchange, large, 'text/plain')
    }
    const { port } = await start(dispatch, { leaveMs: 50 })
    const socket = await openSocket(port)
    socket.pause()
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await given.promise
    const received = await readAll(socket.resume())
    assert.ok(received.length < large.length)
  })

  it('stops although a handler does not hear the signal, once nothing of it matters to a client', async () => {
    const asked = Promise.withResolvers<void>()
    const never = Promise.withResolvers<void>()
    const { server, port } = await start(async () => {
      asked.resolve()
      await never.promise
    })
    const socket = await openSocket(port)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await asked.promise
    await server.stop()
    never.resolve()
    if (!socket.closed) await once(socket, 'close')
  })
})
