import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createSocket, Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { systemClock } from '../../../base/clock.ts'
import { observe } from '../../../node/network/paths/punch/observe.ts'
import { createStunServer, type StunServer } from '../../../node/relay/stun.ts'
import { decodeStunAnswer, encodeStunRequest } from '../../../protocols/index.ts'
import { STUN } from '../../../protocols/specs.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const transaction = new Uint8Array(12).fill(7)
const request = encodeStunRequest(transaction)
/** eight bytes of an attribute that says nothing */
const padded = (() => {
  const bytes = new Uint8Array(28)
  bytes.set(request)
  bytes.set([0, 8], 2)
  bytes.set([0x80, 0x22, 0, 4], 20)
  return bytes
})()

describe('the STUN server', () => {
  const clock = new VirtualClock()
  const refused: string[] = []
  const open = async (host = '127.0.0.1'): Promise<StunServer> =>
    createStunServer({ host, port: 0, clock, refused: reason => void refused.push(reason) })
  beforeEach(() => void refused.splice(0))

  const ask = async (port: number, question: Uint8Array, answers: number, host = '127.0.0.1') => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    try {
      const got: Uint8Array[] = []
      socket.bind(0, host)
      await once(socket, 'listening')
      const all = Promise.withResolvers<void>()
      socket.on('message', bytes => {
        got.push(bytes)
        if (got.length === answers) all.resolve()
      })
      for (let i = 0; i < answers; i++) socket.send(question, port, host)
      await all.promise
      return { got, from: socket.address() }
    } finally {
      socket.close()
    }
  }

  it('tells over UDP who asks', async () => {
    await using server = await open()
    const { got, from } = await ask(server.port, request, 1)
    assert.deepEqual(decodeStunAnswer(got[0]!, transaction), { ip: '127.0.0.1', port: from.port })
  })

  it('is not ended by a datagram from port 0, nor by a question whose sender has reset its connection', async () => {
    const { bind } = UdpSocket.prototype
    const bound: UdpSocket[] = []
    UdpSocket.prototype.bind = function (this: UdpSocket, ...args: Parameters<typeof bind>) {
      bound.push(this)
      return bind.apply(this, args)
    } as typeof bind
    const server = await open().finally(() => {
      UdpSocket.prototype.bind = bind
    })
    try {
      bound[0]!.emit('message', Buffer.from(request), { address: '127.0.0.1', port: 0 })
      // this process stands still meanwhile: it accepts what is over already
      const sent = Buffer.from(request).toString('hex')
      const program = `const s = require('node:net').connect(${server.port}, '127.0.0.1', () =>
        s.write(Buffer.from('${sent}', 'hex'), () => s.resetAndDestroy()))`
      spawnSync(process.execPath, ['-e', program], { timeout: 30_000 })
      while (refused.length < 2) await new Promise(resolve => setImmediate(resolve))
      assert.deepEqual(refused, ['malformed', 'malformed'])
      assert.equal((await ask(server.port, request, 1)).got.length, 1)
    } finally {
      await server.close()
    }
  })

  it('tells over TCP, and several times on one connection, however the questions arrive', async () => {
    await using server = await open()
    const socket = connect(server.port, '127.0.0.1')
    const ended = once(socket, 'close')
    let received = Buffer.alloc(0)
    const both = Promise.withResolvers<void>()
    socket.on('data', bytes => {
      received = Buffer.concat([received, bytes])
      if (received.length === 64) both.resolve()
    })
    const questions = Buffer.concat([request, padded])
    socket.write(questions.subarray(0, 5))
    await new Promise(resolve => setImmediate(resolve))
    socket.write(questions.subarray(5))
    await both.promise
    const expected = { ip: '127.0.0.1', port: socket.localPort }
    assert.deepEqual(decodeStunAnswer(received.subarray(0, 32), transaction), expected)
    assert.deepEqual(decodeStunAnswer(received.subarray(32), transaction), expected)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await ended
    assert.deepEqual(refused, ['malformed'])
  })

  it('answers no more than its rate, of all ports of an address together', async () => {
    await using server = await open()
    await ask(server.port, request, STUN.burstPerAddress)
    const socket = connect(server.port, '127.0.0.1')
    socket.write(request)
    await once(socket, 'close')
    assert.deepEqual(refused, ['rate'])
    await clock.advance(1_000)
    await ask(server.port, request, STUN.perSecondPerAddress)
  })

  it('sends nobody more than twice what it was sent over UDP: an IPv6 address needs a longer question', async () => {
    await using server = await open('::1')
    const { got } = await ask(server.port, padded, 1, '::1')
    assert.equal(got[0]?.length, 44)
    const socket = createSocket('udp6')
    socket.on('message', () => assert.fail('it answered'))
    socket.send(request, server.port, '::1')
    // the answer to a later question has overtaken none
    await ask(server.port, padded, 1, '::1')
    socket.close()
    assert.deepEqual(refused, ['short'])
  })

  it('holds no more connections of one address than it may', async () => {
    await using server = await open()
    const sockets = Array.from({ length: STUN.connectionsPerAddress }, () =>
      connect(server.port, '127.0.0.1'),
    )
    await Promise.all(sockets.map(socket => once(socket, 'connect')))
    const further = connect(server.port, '127.0.0.1')
    await assert.rejects(once(further, 'close'), { code: 'ECONNRESET' })
    assert.deepEqual(refused, ['full'])
    for (const socket of sockets) socket.destroy()
  })
})

describe('observing the own address', () => {
  it('leaves the port free for other connections from it', async () => {
    await using server = await createStunServer({ host: '127.0.0.1', port: 0, clock: systemClock })
    const seen = await observe({ host: '127.0.0.1', family: 4, port: server.port }, { clock: systemClock })
    try {
      assert.deepEqual(seen.outer, { ip: '127.0.0.1', port: seen.localPort })
      await using other = await createStunServer({ host: '127.0.0.1', port: 0, clock: systemClock })
      const socket = connect({ host: '127.0.0.1', port: other.port, localPort: seen.localPort })
      await once(socket, 'connect')
      socket.destroy()
    } finally {
      seen.close()
    }
  })

  it('ends when nobody listens, and with its signal when nobody answers', async () => {
    const { createServer } = await import('node:net')
    const server = createServer(socket => socket.on('error', () => undefined))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const stop = new AbortController()
    const silent = observe(
      { host: '127.0.0.1', family: 4, port },
      { clock: systemClock, signal: stop.signal },
    )
    await once(server, 'connection')
    stop.abort(new Error('enough'))
    await assert.rejects(silent, /enough/)
    server.close()
    await once(server, 'close')
    await assert.rejects(observe({ host: '127.0.0.1', family: 4, port }, { clock: systemClock }), {
      code: 'ECONNREFUSED',
    })
  })
})
