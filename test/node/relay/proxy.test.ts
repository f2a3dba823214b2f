import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { type Duplex, PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { Connection } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { type Clock, systemClock } from '../../../base/clock.ts'
import { HttpError, unexpected } from '../../../node/http/errors.ts'
import type { Exchange } from '../../../node/http/exchange.ts'
import { createHttpServer, type HttpServer } from '../../../node/http/server.ts'
import { createMetrics } from '../../../node/metrics.ts'
import { createRelayKeeper } from '../../../node/network/circuit/keeper.ts'
import { CIRCUIT_LISTEN } from '../../../node/network/circuit/transport.ts'
import { OVER_RELAY, serveHttpOverRelays } from '../../../node/network/http-over-relay.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import { createRefusals } from '../../../node/refusals.ts'
import { forward } from '../../../node/relay/forward.ts'
import { RELAY } from '../../../node/relay/limits.ts'
import { PROXIED } from '../../../node/relay/proxy.ts'
import { createRelay, type Relay } from '../../../node/relay/relay.ts'
import { createRelayWeb } from '../../../node/relay/web.ts'
import { DEFAULT_API_LIMITS, type NodeApiInit } from '../../../node/storage/api/options.ts'
import { createRoutes } from '../../../node/storage/api/routes/index.ts'
import { HTTP } from '../../../protocols/index.ts'
import { eventually } from '../../protocols/support/eventually.ts'
import { NETWORK } from '../../protocols/support/fakes.ts'
import { quietLog } from '../../protocols/support/quiet.ts'
import { openSocket, readAll, statusesOf } from '../../support/http.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const MIB = 1024 * 1024
const common = { network: NETWORK, log: quietLog, clock: systemClock, random: Math.random }
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const pattern = (length: number) =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 9)) & 0xff))
const METADATA = '/v1/blobs/B/metadata'

describe('HTTP through a relay', function () {
  this.timeout(60_000)
  const stops: (() => Promise<unknown>)[] = []
  let relay: Relay
  let relayNode: NetworkNode
  let node: NetworkNode
  let url: string
  let port: number
  /** what the node answers */
  let answer: (exchange: Exchange) => Promise<void>
  let face: HttpServer

  const startWeb = async (clock: Clock, proxied = relay.proxied) => {
    const web = createRelayWeb({
      host: '127.0.0.1',
      port: 0,
      status: () => ({}) as never,
      metrics: createMetrics({ version: '0' }),
      refusals: createRefusals({ clock: systemClock }),
      proxied,
      clock,
      log: quietLog,
    })
    await web.start()
    stops.push(() => web.stop())
    return web
  }

  before(async () => {
    relayNode = await createNetworkNode({ ...common, roles: ['relay'], listen: ['/ip4/127.0.0.1/tcp/0'] })
    stops.push(async () => relayNode.stop())
    relay = createRelay({ libp2p: relayNode, rssBytes: () => 0, log: quietLog, clock: systemClock })
    await relay.start()
    stops.push(() => relay.stop())
    const web = await startWeb(systemClock)
    node = await createNetworkNode({ ...common, roles: ['storage'], listen: [CIRCUIT_LISTEN] })
    stops.push(async () => node.stop())
    const relays = [relayNode.getMultiaddrs()[0]!.toString()]
    const keeper = createRelayKeeper({ ...common, libp2p: node, transport: node.circuits, relays })
    keeper.start()
    stops.push(() => keeper.stop())
    await keeper.settled()
    face = createHttpServer({
      name: 'a node',
      host: '',
      port: undefined,
      dispatch: exchange => answer(exchange),
      toHttpError: error => (error instanceof HttpError ? error : unexpected(error)),
      connections: { total: 100, perAddress: 100 },
      stopGraceMs: 100,
      clock: systemClock,
      logLevel: 'debug',
    })
    await face.start()
    stops.push(() => face.stop())
    await serveHttpOverRelays(node, keeper, face.accept, systemClock)
    port = Number(new URL(web.url).port)
    url = `${web.url}/peers/${node.peerId}`
  })
  after(async () => {
    for (const stop of stops.reverse()) await stop()
  })

  it('passes on exactly the routes of the storage API', () => {
    const routes = createRoutes({ custody: {} } as NodeApiInit, DEFAULT_API_LIMITS)
    assert.deepEqual(
      PROXIED.map(({ path, methods }) => [path, [...methods]]),
      routes.map(({ pattern, methods }) => [pattern, Object.keys(methods)]),
    )
  })

  it('carries 20 MiB both ways, and who asks from where', async () => {
    const data = pattern(20 * MIB)
    let seen: unknown
    answer = async ({ request, response }) => {
      const parts: Buffer[] = []
      for await (const part of request) parts.push(part)
      seen = [request.url, request.headers['x-forwarded-for'], request.socket.remoteAddress]
      response.writeHead(200, { 'content-type': 'application/x-echo' })
      response.end(Buffer.concat(parts))
    }
    const before = relay.view().month.bytes
    const response = await fetch(`${url}${METADATA}?a=1`, { method: 'PUT', body: data })
    assert.equal(response.headers.get('content-type'), 'application/x-echo')
    assert.equal(sha256(Buffer.from(await response.arrayBuffer())), sha256(data))
    assert.deepEqual(seen, [`${METADATA}?a=1`, '127.0.0.1', `${OVER_RELAY}${relayNode.peerId}`])
    assert.equal(relay.view().month.bytes - before, 2 * data.length)
  })

  it('rests while a reader takes nothing, and loses nothing', async () => {
    const data = pattern(20 * MIB)
    let written = 0
    answer = async ({ response }) => {
      response.writeHead(200, { 'content-length': data.length })
      for (let at = 0; at < data.length; at += 65_536) {
        written = at
        if (!response.write(data.subarray(at, at + 65_536))) await once(response, 'drain')
      }
      response.end()
    }
    const asked = request(`${url}${METADATA}`)
    asked.end()
    const [response] = await once(asked, 'response')
    let before = -1
    await eventually(
      () => {
        const still = written > 0 && written === before
        before = written
        return still
      },
      () => `${written} written`,
    )
    assert.ok(written < data.length, 'nothing was held back')
    const parts: Buffer[] = []
    for await (const part of response) parts.push(part)
    assert.equal(sha256(Buffer.concat(parts)), sha256(data))
  })

  it('ends what the client has left, at the node too', async () => {
    const gone = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    answer = async ({ response, signal }) => {
      response.writeHead(200, { 'content-length': 10 })
      response.write('1')
      begun.resolve()
      signal.addEventListener('abort', () => gone.resolve())
      await gone.promise
    }
    const asked = request(`${url}${METADATA}`)
    asked.on('error', () => undefined).end()
    await begun.promise
    asked.destroy()
    await gone.promise
  })

  it('lets a stranger behind it say nothing in its own name, and hands on no secrets that were meant for it', async () => {
    let seen: IncomingHttpHeaders = {}
    answer = async ({ request, response }) => {
      seen = request.headers
      response.writeHead(200, {
        'content-type': 'text/html',
        'content-security-policy': 'script-src *',
        'set-cookie': 'a=b',
        'service-worker-allowed': '/',
        'clear-site-data': '"*"',
        etag: '"1"',
      })
      response.end('<script>1</script>')
    }
    const secrets = { cookie: 'a=b', authorization: 'Basic x', forwarded: 'for=1', 'x-forwarded-host': 'a' }
    const response = await fetch(`${url}${METADATA}`, { headers: { ...secrets, accept: 'text/html' } })
    await response.text()
    for (const name of Object.keys(secrets)) assert.equal(seen[name], undefined, name)
    assert.equal(seen.accept, 'text/html')
    assert.equal(response.headers.get('content-security-policy'), "default-src 'none'; sandbox")
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    for (const name of ['set-cookie', 'service-worker-allowed', 'clear-site-data']) {
      assert.equal(response.headers.get(name), null, name)
    }
    assert.equal(response.headers.get('etag'), '"1"')
  })

  describe('in its time', () => {
    const clock = new VirtualClock()
    let path: string
    let slowPort: number
    before(async () => {
      const web = await startWeb(clock)
      slowPort = Number(new URL(web.url).port)
      path = `/peers/${node.peerId}${METADATA}`
    })
    const statusAfter = async (head: string, begun: Promise<void>): Promise<number | undefined> => {
      const socket = await openSocket(slowPort)
      const received = readAll(socket)
      socket.on('error', () => undefined)
      socket.write(head)
      await begun
      await clock.advanceUntil(received, 5_000)
      return statusesOf(await received)[0]
    }

    it('gives the place of a client free that sends no more of its body', async () => {
      const begun = Promise.withResolvers<void>()
      answer = async ({ request }) => {
        request.once('data', () => begun.resolve())
        await once(request, 'close')
      }
      const head = `PUT ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1`
      assert.equal(await statusAfter(head, begun.promise), 408)
    })

    it('gives the place of a client free that has left just as the node took the stream', async () => {
      const leaving = new AbortController()
      const [stream] = await streamPair()
      const connection = {
        async newStream() {
          leaving.abort()
          return stream
        },
      }
      const exchange = {
        request: Object.assign(new PassThrough(), { method: 'GET', headers: {} }),
        response: {},
        url: new URL('http://relay/peers/P/v1/health'),
        address: '192.0.2.1',
        params: {},
        signal: leaving.signal,
        clock: systemClock,
        askForBody: () => undefined,
      } as unknown as Exchange
      await assert.rejects(
        forward(exchange, connection as unknown as Connection, () => 0),
        { status: 502 },
      )
      assert.equal(stream.status, 'aborted')
    })

    it('gives the place of a node free that does not answer, or stops in the middle', async () => {
      const head = `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
      for (const [begins, status] of [
        [false, 502],
        [true, 200],
      ] as const) {
        const begun = Promise.withResolvers<void>()
        answer = async ({ response, signal }) => {
          if (begins) response.writeHead(200, { 'content-length': 9 }).write('1')
          begun.resolve()
          await once(signal, 'abort')
        }
        assert.equal(await statusAfter(head, begun.promise), status)
      }
    })

    it('passes an answer on that comes before the end of the body', async () => {
      answer = async ({ response }) => void response.writeHead(413).end('too much')
      const head = `PUT ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1`
      assert.equal(await statusAfter(head, Promise.resolve()), 413)
    })
  })

  it('takes so many requests at a time, fewer of one address, and has all others wait that an SDK sends at once', async () => {
    const over = Promise.withResolvers<void>()
    let [waiting, most] = [0, 0]
    answer = async ({ response }) => {
      waiting++
      most = Math.max(most, waiting)
      await over.promise
      response.end('ok', () => waiting--)
    }
    const ask = async (localAddress: string) => {
      const asked = request(`${url}${METADATA}`, { localAddress, agent: false }).end()
      const [response] = (await once(asked, 'response')) as [IncomingMessage]
      return await text(response)
    }
    const many = (count: number, address: string) => Array.from({ length: count }, () => ask(address))
    const full = async (count: number) =>
      await eventually(
        () => waiting === count,
        () => `${waiting} are waiting`,
        20_000,
      )
    const { proxiedPerAddress, proxiedPerNode, webConnectionsPerAddress } = RELAY
    // some of them on connections of which nothing is read for now
    const first = many(webConnectionsPerAddress + 8, '127.0.0.1')
    await full(proxiedPerAddress)
    // of other addresses there are some, up to what one node may have
    const others = many(proxiedPerNode, '127.0.0.2')
    await full(2 * proxiedPerAddress)
    over.resolve()
    const answers = await Promise.all([...first, ...others])
    assert.deepEqual([...new Set(answers)], ['ok'])
    assert.ok(most <= proxiedPerNode, `${most} at a time`)
  })

  describe('to a node without a reservation', () => {
    let comes: PromiseWithResolvers<boolean>
    let waiting = 0
    let isHere = false
    let awayUrl: string
    before(async () => {
      comes = Promise.withResolvers()
      const web = await startWeb(systemClock, {
        ...relay.proxied,
        connectionOf: peer => (isHere ? relay.proxied.connectionOf(peer) : undefined),
        mayBeMember: peer => peer === node.peerId.toString(),
        async cameBack() {
          waiting++
          return await comes.promise
        },
      })
      awayUrl = `${web.url}/peers`
      answer = async ({ response }) => void response.end('ok')
    })
    const ask = async (localAddress: string): Promise<[number | undefined, IncomingMessage, string]> => {
      const asked = request(`${awayUrl}/${node.peerId}${METADATA}`, { localAddress, agent: false }).end()
      const [response] = (await once(asked, 'response')) as [IncomingMessage]
      return [response.statusCode, response, await text(response)]
    }

    for (const [waited, code, seconds] of [
      [true, 'NOT_RESERVED', '30'],
      [false, 'BUSY', '1'],
    ] as const) {
      it(`tells who ${waited ? 'waited for a member in vain' : 'cannot wait, as too many do,'} to come again`, async () => {
        comes.resolve(waited)
        const [status, { headers }, body] = await ask('127.0.0.1')
        assert.deepEqual([status, headers['retry-after']], [503, seconds])
        assert.match(body, new RegExp(code))
        comes = Promise.withResolvers()
      })
    }

    it('passes on what waited for a member that has come back', async () => {
      comes = Promise.withResolvers()
      waiting = 0
      const asked = ask('127.0.0.1')
      await eventually(
        () => waiting === 1,
        () => `${waiting} wait`,
      )
      isHere = true
      comes.resolve(true)
      const [status, , body] = await asked
      assert.deepEqual([status, body], [200, 'ok'])
    })

    it('says at once that a stranger is not there', async () => {
      isHere = false
      comes.resolve(true)
      const stranger = await fetch(`${awayUrl}/${relayNode.peerId}${METADATA}`)
      assert.equal(stranger.status, 404)
    })
  })

  it('tells so many pages how things stand, and fewer of one address', async () => {
    const { port } = new URL(url)
    const events = async (localAddress: string) => {
      const asked = request({ host: '127.0.0.1', port, path: '/events', localAddress, agent: false }).end()
      const [response] = (await once(asked, 'response')) as [IncomingMessage]
      return { asked, response }
    }
    const open = []
    try {
      for (let i = 0; i < RELAY.listenersPerAddress; i++) open.push(await events('127.0.0.2'))
      for (const { response } of open) assert.equal(response.statusCode, 200)
      open.push(await events('127.0.0.2'), await events('127.0.0.3'))
      const [refused, other] = open.slice(-2).map(({ response }) => response)
      assert.equal(refused!.statusCode, 503)
      assert.equal(refused!.headers['retry-after'], '60')
      assert.equal(other!.statusCode, 200)
    } finally {
      for (const { asked, response } of open) {
        response.on('error', () => undefined)
        asked.destroy()
      }
    }
  })

  it('refuses a path outside of the list, a node without a reservation, a huge head, and what is no HTTP', async () => {
    answer = async ({ response }) => void response.end('ok')
    const statusOf = async (path: string, init?: RequestInit) => (await fetch(path, init)).status
    assert.equal(await statusOf(`${url}/metrics`), 404)
    assert.equal(await statusOf(`${url}/v1/../metrics`), 404)
    assert.equal(await statusOf(`${url}/v1/blobs/B/status`, { method: 'PUT', body: 'x' }), 405)
    const stranger = url.replace(String(node.peerId), String(relayNode.peerId))
    assert.equal(await statusOf(`${stranger}${METADATA}`), 404)
    const preflight = { method: 'OPTIONS', headers: { 'access-control-request-method': 'PUT' } }
    assert.equal(await statusOf(`${url}${METADATA}`, preflight), 204)
    const path = `/peers/${node.peerId}${METADATA}`
    for (const [head, status] of [
      [`GET ${path} HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(MIB)}\r\n\r\n`, 431],
      [`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n\0\0garbage\r\n\r\n`, 400],
    ] as const) {
      const socket = (await openSocket(port)) as Duplex
      const received = readAll(socket as never)
      socket.on('error', () => undefined)
      socket.write(head)
      assert.equal(statusesOf(await received)[0], status)
    }
  })

  it('is taken from relays with a reservation only', async () => {
    answer = async ({ response }) => void response.end('ok')
    const client = await createNetworkNode({ ...common, roles: ['client'] })
    try {
      const address = `${relayNode.getMultiaddrs()[0]}/p2p-circuit/p2p/${node.peerId}`
      const connection = await client.dial(multiaddr(address))
      const stream = await connection.newStream(HTTP.id)
      await eventually(
        () => stream.status !== 'open',
        () => stream.status,
      )
      assert.equal(stream.status, 'reset')
    } finally {
      await client.stop()
    }
  })

  it('passes nothing on from an address that the lists deny', async () => {
    answer = async ({ response }) => void response.end('ok')
    relay.configure({ access: { allow: [node.peerId.toString()], deny: [] } })
    assert.equal((await fetch(`${url}${METADATA}`)).status, 403)
    assert.equal(relay.view().counts.refused.denied, 1)
    relay.configure({})
    assert.equal((await fetch(`${url}${METADATA}`)).status, 200)
  })

  it('says when the relay passes nothing on', async () => {
    relay.configure({ limits: { bytesPerMonth: 0 } })
    const refused = await fetch(`${url}${METADATA}`)
    assert.equal(refused.status, 503)
    assert.ok(Number(refused.headers.get('retry-after')) > 0)
    relay.configure({})
  })
})
