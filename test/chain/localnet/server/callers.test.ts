import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { systemClock } from '../../../../base/clock.ts'
import { Accounts } from '../../../../chain/localnet/rpc/accounts.ts'
import { dataFrame } from '../../../../chain/localnet/rpc/framing.ts'
import type { Method } from '../../../../chain/localnet/rpc/methods.ts'
import { runCall } from '../../../../chain/localnet/rpc/run-call.ts'
import { startServer } from '../../../../chain/localnet/rpc/server.ts'
import { SERVER_LIMITS, type ServerLimits } from '../../../../chain/localnet/rpc/server-limits.ts'
import { RpcStatus } from '../../../../chain/localnet/rpc/status.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

/** Waits for nothing in particular until it is told to stop. */
const method = (serverStreaming: boolean): Method => ({
  clientStreaming: false,
  serverStreaming,
  async *run(requests, { signal }) {
    for await (const _ of requests);
    if (serverStreaming && !signal.aborted) await once(signal, 'abort')
    yield new Uint8Array(0)
  },
})
const methods = new Map([
  ['/a.B/Now', method(false)],
  ['/a.B/Follow', method(true)],
])

describe('chain/localnet/server: what one caller may hold', function () {
  this.timeout(60_000)
  const closers: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })

  const start = async (limits: Partial<ServerLimits> = {}) => {
    const refused: string[] = []
    const server = await startServer({
      host: '127.0.0.1',
      port: 0,
      clock: systemClock,
      methods,
      routes: new Map(),
      limits,
      onRefused: reason => refused.push(reason),
    })
    closers.push(() => server.close())
    const port = Number(new URL(server.url).port)
    /** A connection of an address of its own. */
    const open = async (localAddress: string): Promise<Socket> => {
      const socket = connect({ host: '127.0.0.1', port, localAddress })
      closers.push(() => socket.destroy())
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      return socket
    }
    /** The status of a call over gRPC-web, or the code of the error. */
    const call = (path = '/a.B/Now', { agent = false as const, localAddress = '127.0.0.1' } = {}) =>
      new Promise<string>((resolve, reject) => {
        const headers = { 'content-type': 'application/grpc-web+proto' }
        const outgoing = request(
          { host: '127.0.0.1', port, path, method: 'POST', headers, agent, localAddress },
          incoming => {
            const chunks: Buffer[] = []
            incoming.on('data', chunk => chunks.push(chunk))
            incoming.on('error', reject)
            incoming.on('end', () =>
              resolve(
                /grpc-status:(\d+)/.exec(Buffer.concat(chunks).toString('latin1'))?.[1] ??
                  String(incoming.statusCode),
              ),
            )
          },
        )
        outgoing.on('error', error => resolve((error as NodeJS.ErrnoException).code ?? error.message))
        outgoing.end(Buffer.from(dataFrame(new Uint8Array(0), 'binary')))
      })
    return { ...server, port, refused, open, call }
  }

  it('counts an IPv6 address as its /64', () => {
    const accounts = new Accounts({ ...SERVER_LIMITS, maxCallsPerAddress: 1 })
    const leave = accounts.of('2001:db8:1:2:3:4:5:6').call()
    assert.throws(() => accounts.of('2001:DB8:1:2::9').call(), { code: 'RESOURCE_EXHAUSTED' })
    accounts.of('2001:db8:1:3::1').call()
    leave()
    accounts.of('2001:db8:1:2::9').call()
  })

  it('connections: the longest idle of an address that has too many makes room for its next', async () => {
    const { open, call, refused } = await start({ maxConnectionsPerAddress: 5 })
    const held: Socket[] = []
    for (let i = 0; i < 5; i++) held.push(await open('127.0.0.2'))
    const gone = once(held[0]!, 'close')
    held.push(await open('127.0.0.2'))
    await gone
    assert.deepEqual([refused, held.filter(({ destroyed }) => destroyed).length], [['address'], 1])
    // neither others nor the address itself are kept out
    assert.equal(await call(), '0')
    assert.equal(await call('/a.B/Now', { agent: false, localAddress: '127.0.0.2' }), '0')
  })

  it('connections: the address that holds most makes room when all together are too many', async () => {
    const { open, call, refused } = await start({ maxConnections: 6 })
    const mine = await open('127.0.0.3')
    const held: Socket[] = []
    for (let i = 0; i < 5; i++) held.push(await open('127.0.0.2'))
    assert.equal(await call(), '0')
    assert.deepEqual([refused, mine.destroyed], [['connections'], false])
  })

  it('connections: one that says nothing is closed, one that is busy is kept', async () => {
    const { open } = await start({ firstBytesMs: 50 })
    const silent = await open('127.0.0.2')
    const half = await open('127.0.0.2')
    half.write('PR')
    await Promise.all([once(silent, 'close'), once(half, 'close')])
  })

  it('calls and subscriptions of an address, and what they give back when they end', async () => {
    const accounts = new Accounts({ ...SERVER_LIMITS, maxSubscriptionsPerAddress: 2, maxSubscriptions: 3 })
    const refuses = (take: () => unknown, refusal: string) =>
      assert.throws(take, { code: 'RESOURCE_EXHAUSTED', details: { refusal } })
    const a = accounts.of('127.0.0.2')
    const leave = a.subscription()
    a.subscription()
    refuses(() => a.subscription(), 'address')
    accounts.of('127.0.0.3').subscription()
    refuses(() => accounts.of('127.0.0.4').subscription(), 'connections')
    leave()
    accounts.of('127.0.0.4').subscription()
    const b = accounts.of('127.0.0.5')
    const release = b.body(SERVER_LIMITS.maxBodyBytesPerAddress)
    refuses(() => b.body(1), 'address')
    release()
    b.body(1)
  })

  it('calls under way: the next is refused by status, and counted', async () => {
    const { call, refused, close } = await start({ maxCallsPerAddress: 3 })
    const following = [1, 2, 3].map(() => call('/a.B/Follow'))
    // asked until they are there: their number is what is looked at
    let status = await call()
    while (status === '0') status = await call()
    assert.equal(status, '8')
    assert.ok(refused.includes('address'))
    assert.equal(await call('/a.B/Now', { agent: false, localAddress: '127.0.0.2' }), '0')
    await close()
    assert.deepEqual(await Promise.all(following), ['14', '14', '14'])
  })

  it('requests that do not wait for each other on one connection', async () => {
    const { open, refused } = await start({ maxPipelined: 4 })
    const socket = await open('127.0.0.2')
    const frame = Buffer.from(dataFrame(new Uint8Array(0), 'binary'))
    const one = Buffer.concat([
      Buffer.from(
        `POST /a.B/Follow HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: ${frame.length}\r\n\r\n`,
      ),
      frame,
    ])
    const closed = once(socket, 'close')
    socket.resume()
    socket.write(Buffer.concat(Array(6).fill(one)))
    await closed
    assert.deepEqual([...new Set(refused)], ['rate'])
  })

  it('leaves no timer behind, also when its request is refused before it is read', async () => {
    const clock = new VirtualClock()
    for (let i = 0; i < 20; i++) {
      const { status } = await runCall({
        method: methods.get('/a.B/Now'),
        path: '/a.B/Now',
        requests: () => {
          throw new RpcStatus('UNIMPLEMENTED', 'no such encoding')
        },
        timeout: '10S',
        account: new Accounts().of('127.0.0.2'),
        clock,
        signal: new AbortController().signal,
        begin: () => undefined,
        send: async () => undefined,
      })
      assert.equal(status.code, 'UNIMPLEMENTED')
    }
    assert.equal(clock.waiting, 0)
  })

  it('gets an answer whatever path it names', async () => {
    const { open, call } = await start()
    for (const path of ['//', '/\\', '/%', '/?', '//a.B/Now', '/a.B/Now/'])
      assert.equal(await call(path), '12', path)
    assert.equal(await call('/a.B/Now?x=1#y'), '0')
    for (const [target, status] of [
      ['//', 404],
      ['/\\', 404],
      ['http://localhost/a', 404],
      ['http://', 400],
      ['*', 400],
    ] as const) {
      const socket = await open('127.0.0.1')
      socket.write(`GET ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
      const [answer] = (await once(socket, 'data')) as [Buffer]
      assert.match(answer.toString(), new RegExp(`^HTTP/1.1 ${status} `), target)
    }
  })

  it('is told when its body comes in a way that is not taken', async () => {
    const { open } = await start()
    for (const [header, status] of [
      ['transfer-encoding: gzip, chunked', 501],
      ['content-encoding: gzip\r\ncontent-length: 5', 415],
      [`content-length: ${SERVER_LIMITS.maxBodyBytes + 1}`, 413],
    ] as const) {
      const socket = await open('127.0.0.1')
      socket.write(
        `POST /a.B/Now HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc-web\r\n${header}\r\n\r\n0\r\n\r\n`,
      )
      const [answer] = (await once(socket, 'data')) as [Buffer]
      assert.match(answer.toString(), new RegExp(`^HTTP/1.1 ${status} `), header)
    }
  })
})
