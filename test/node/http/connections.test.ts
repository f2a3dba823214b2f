import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Handler } from '../../../node/http/exchange.ts'
import { sendText } from '../../../node/http/respond.ts'
import { ask, openSocket, readAll, reasonOf } from '../../support/http.ts'
import { serverFactory } from './support.ts'

const hello: Handler = async exchange => sendText(exchange, 'hello', 'text/plain')
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
const MANY = 12

/** A connection that is kept after one answer. */
async function keptAlive(port: number, from?: string): Promise<Socket> {
  const socket = await openSocket(port, from)
  const answered = once(socket, 'data')
  socket.write(GET)
  await answered
  return socket.resume()
}
const closed = async (socket: Socket) => {
  if (!socket.closed) await once(socket.resume(), 'close')
}

describe('http connections', () => {
  const { start, stopAll } = serverFactory()
  const open: Socket[] = []
  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy()
    await stopAll()
  })
  /** Handlers wait until released; `begun` tells when so many did. */
  const held = () => {
    const gate = Promise.withResolvers<void>()
    const begun = new Map<number, () => void>()
    let count = 0
    const dispatch: Handler = async exchange => {
      begun.get(++count)?.()
      await gate.promise
      sendText(exchange, 'hello', 'text/plain')
    }
    return {
      dispatch,
      release: gate.resolve,
      begun: (n: number) => new Promise<void>(resolve => (count >= n ? resolve() : begun.set(n, resolve))),
    }
  }

  it('closes what an address has left idle for longest when it opens more than its share', async () => {
    const { port, url, refused } = await start(hello, { connections: { total: 100, perAddress: 3 } })
    for (let i = 0; i < 3; i++) open.push(await keptAlive(port))
    const [oldest, second, third] = open as [Socket, Socket, Socket]
    const other = await keptAlive(port, '127.0.0.2')
    open.push(other)
    // the oldest is used again: now the second is the longest idle
    const again = once(oldest, 'data')
    oldest.write(GET)
    await again
    assert.equal((await ask(url)).status, 200)
    await closed(second)
    assert.deepEqual([oldest.closed, third.closed, other.closed], [false, false, false])
    assert.deepEqual(refused, ['idle'])
  })

  it('lets strangers in however many idle connections one address holds, silent ones and half a request too', async () => {
    const { port, url } = await start(hello, { connections: { total: 8, perAddress: 6 } })
    for (let i = 0; i < MANY; i++) {
      open.push(await keptAlive(port))
      open.push(await openSocket(port))
      const half = await openSocket(port)
      half.write('GET / HTTP/1.1\r\nHo')
      open.push(half)
    }
    for (let i = 2; i < 2 + MANY; i++) {
      assert.equal((await ask(url, { from: `127.0.0.${i}` })).status, 200)
      open.push(await keptAlive(port, `127.0.0.${i}`))
    }
    assert.equal((await ask(url)).status, 200)
  })

  it('tells those for whom there is no room, and has room again', async () => {
    const { dispatch, begun, release } = held()
    const { url, refused } = await start(dispatch, { connections: { total: 3, perAddress: 2 } })
    const busy = [ask(url), ask(url)]
    await begun(2)
    const third = await ask(url)
    assert.deepEqual([third.status, reasonOf(third), third.headers['retry-after']], [503, 'BUSY', '1'])
    assert.equal(third.headers.connection, 'close')
    assert.equal(third.headers['access-control-allow-origin'], '*')
    busy.push(ask(url, { from: '127.0.0.2' }))
    await begun(3)
    assert.equal((await ask(url, { from: '127.0.0.3' })).status, 503)
    // a body on its way does not hide the answer
    const body = Buffer.alloc(4 * 1024 * 1024)
    assert.equal((await ask(url, { method: 'PUT', body })).status, 503)
    assert.deepEqual(refused, ['address', 'connections', 'address'])
    release()
    for (const answer of await Promise.all(busy)) assert.equal(answer.status, 200)
    assert.equal((await ask(url)).status, 200)
  })

  it('does so too when the process runs out of file descriptors, instead of resetting connections', async () => {
    const { dispatch, begun, release } = held()
    // descriptors are given out from the lowest free one: that of the next connection is above that of one more now
    const probe = await start(hello)
    const socket = await openSocket(probe.port)
    const taken = (socket as Socket & { _handle: { fd: number } })._handle.fd
    socket.destroy()
    await closed(socket)
    const { url, refused } = await start(dispatch, {
      connections: { total: 100, perAddress: 100, descriptorCeiling: taken + 8 },
    })
    const busy = []
    for (let i = 1; i <= 3; i++) {
      busy.push(ask(url))
      await begun(i)
    }
    let answer = ask(url)
    for (let i = 4; i < 20; i++) {
      const outcome = await Promise.race([answer, begun(i)])
      if (outcome !== undefined) break
      busy.push(answer)
      answer = ask(url)
    }
    assert.equal((await answer).status, 503)
    assert.ok(refused.includes('files'))
    release()
    for (const answer of await Promise.all(busy)) assert.equal(answer.status, 200)
    assert.equal((await ask(url)).status, 200)
  })

  it('refuses at once what is above all that can be told so', async () => {
    const { dispatch, begun, release } = held()
    const { port, url } = await start(dispatch, { connections: { total: 1, perAddress: 1 } })
    const busy = ask(url)
    await begun(1)
    const refused: Promise<string>[] = []
    for (let i = 0; i < 80; i++) {
      const socket = await openSocket(port)
      open.push(socket)
      refused.push(readAll(socket))
    }
    for (const socket of open) socket.write(GET)
    const texts = await Promise.all(refused)
    assert.ok(texts.every(text => text === '' || /^HTTP\/1\.1 503 /.test(text)))
    assert.ok(texts.filter(text => text !== '').length > 0)
    release()
    assert.equal((await busy).status, 200)
    assert.equal((await ask(url)).status, 200)
  })

  it('survives connections that are reset in the middle of anything', async () => {
    const { port, url } = await start(hello)
    for (const text of [
      '',
      'GET /',
      GET,
      GET.repeat(50),
      'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
      'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nand more',
      'rubbish\r\n\r\n',
      'PUT / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 9\r\n\r\n',
      'PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n',
    ]) {
      for (let i = 0; i < 10; i++) {
        const socket = await openSocket(port)
        if (text !== '') await new Promise(resolve => socket.write(text, resolve))
        // half of them once something was answered
        if (i % 2 === 0 && text.endsWith('\r\n'))
          await Promise.race([once(socket, 'data'), once(socket, 'close')])
        socket.resetAndDestroy()
      }
      assert.equal((await ask(url)).status, 200)
    }
  })
})
