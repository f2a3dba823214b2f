import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Handler } from '../../../node/http/exchange.ts'
import { sendText } from '../../../node/http/respond.ts'
import { openSocket, readAll } from '../../support/http.ts'
import { serverFactory } from './support.ts'

describe('http server', () => {
  const { start, stopAll } = serverFactory()
  afterEach(stopAll)
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
