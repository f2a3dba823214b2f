import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { systemClock } from '../../../../../base/clock.ts'
import { type MeetInit, meet } from '../../../../../node/network/paths/punch/meet.ts'
import { PUNCH } from '../../../../../protocols/index.ts'
import { fastClock } from './support.ts'

const HOST = '127.0.0.1'

/** A port of this machine that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

describe('meeting a peer', () => {
  let stop: AbortController
  let met: PromiseWithResolvers<Socket>
  const opened: (Socket | Server)[] = []
  beforeEach(() => {
    stop = new AbortController()
    met = Promise.withResolvers()
  })
  afterEach(() => {
    stop.abort()
    for (const one of opened.splice(0)) 'destroy' in one ? one.destroy() : one.close()
  })

  const start = (localPort: number, remotePort: number, init: Partial<MeetInit> = {}) =>
    meet({
      ports: { v4: localPort },
      theirs: [{ ip: HOST, port: remotePort }],
      isHome: false,
      roundTripMs: 0,
      clock: fastClock,
      random: Math.random,
      signal: stop.signal,
      onSocket(socket) {
        socket.on('error', () => undefined)
        opened.push(socket)
        met.resolve(socket)
      },
      ...init,
    })

  it('comes from its port, and tries again after three rounds in which nobody was there', async () => {
    const [local, remote] = [await freePort(), await freePort()]
    const server = createServer()
    opened.push(server)
    const accepted = once(server, 'connection') as Promise<[Socket]>
    let rounds = 0
    const random = () => {
      if (++rounds === 3) server.listen(remote, HOST)
      return 0.5
    }
    const over = start(local, remote, { random })
    const [socket] = await accepted
    opened.push(socket)
    assert.equal(socket.remotePort, local)
    assert.equal((await met.promise).localPort, local)
    assert.ok(rounds >= 3)
    stop.abort()
    await over
  })

  it('sends no more than twelve SYN where nobody is, and ends', async () => {
    const [local, remote] = [await freePort(), await freePort()]
    let rounds = 0
    const random = () => {
      rounds++
      return 0
    }
    await start(local, remote, { random })
    assert.equal(rounds, PUNCH.syns)
    // the port is free again
    const server = createServer().listen(local, HOST)
    await once(server, 'listening')
    server.close()
  })

  it('takes a peer that comes from another port than it has said, and nobody else', async () => {
    const [local, remote] = [await freePort(), await freePort()]
    // it dials in vain at once, and listens for the rest of the time
    const theirs = [{ ip: '127.0.0.2', port: remote }]
    const dialled = Promise.withResolvers<void>()
    let rounds = 0
    const random = () => {
      if (++rounds === PUNCH.syns) dialled.resolve()
      return 0
    }
    const over = start(local, remote, { theirs, clock: systemClock, random })
    await dialled.promise
    const from = (localAddress: string): Promise<string> => {
      const socket = connect({ host: HOST, port: local, localAddress })
      opened.push(socket)
      const lost = new Promise<string>(resolve =>
        socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(`${code}`)),
      )
      return Promise.race([lost, met.promise.then(({ remoteAddress }) => `met ${remoteAddress}`)])
    }
    // its listener is made anew once more in a moment
    let outcome = ''
    while (!outcome.startsWith('met')) outcome = await from('127.0.0.2')
    assert.equal(outcome, 'met 127.0.0.2')
    met = Promise.withResolvers()
    assert.equal(await from('127.0.0.3'), 'ECONNRESET')
    stop.abort()
    await over
  })

  it('meets another that does the same, on one connection', async () => {
    const [one, other] = [await freePort(), await freePort()]
    const sockets: Socket[] = []
    const found = new Set<string>()
    const both = Promise.withResolvers<void>()
    const begin = (localPort: number, remotePort: number, name: string) =>
      start(localPort, remotePort, {
        onSocket(socket) {
          socket.on('error', () => undefined)
          sockets.push(socket)
          opened.push(socket)
          if (found.add(name).size === 2) both.resolve()
        },
      })
    const over = [begin(one, other, 'one'), begin(other, one, 'other')]
    await both.promise
    stop.abort()
    await Promise.all(over)
    const ends = new Set(sockets.map(socket => [socket.localPort, socket.remotePort].sort().join(' ')))
    assert.deepEqual([...ends], [[one, other].sort().join(' ')])
  })
})
