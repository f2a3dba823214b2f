import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { request } from 'node:https'
import { connect } from 'node:net'
import type { Stream } from '@libp2p/interface'
import { webSockets } from '@libp2p/websockets'
import { WebSocket } from 'ws'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { createDialingNode } from '../../../../node/network/dialing-node.ts'
import { createNetworkNode, type NetworkNode } from '../../../../node/network/libp2p.ts'
import { WEB_SOCKET } from '../../../../node/network/limits.ts'
import { NETWORK } from '../../../protocols/support/fakes.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'
import { TEST_TLS } from '../../../support/tls.ts'

const MIB = 1024 * 1024
const PROTOCOL = '/floe/test/1'

describe('a node that pages reach by WebSockets', function () {
  this.timeout(60_000)
  let node: NetworkNode
  let page: Awaited<ReturnType<typeof createDialingNode>>
  before(async () => {
    node = await createNetworkNode({
      clock: systemClock,
      random: Math.random,
      network: NETWORK,
      roles: ['storage'],
      listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws', '/ip4/127.0.0.1/tcp/0/tls/ws'],
      tls: TEST_TLS,
      log: quietLog,
    })
    page = await createDialingNode([webSockets()], { clock: systemClock, log: silentLog() })
  })
  after(async () => {
    await page.stop()
    await node.stop()
  })

  const [ws, wss] = ['/ws', '/tls/ws'] as const
  const addressOf = (ending: string) => {
    const found = node.getMultiaddrs().find(one => new RegExp(`/tcp/\\d+${ending}/p2p/`).test(one.toString()))
    assert.ok(found, String(node.getMultiaddrs()))
    return found
  }
  const portOf = (ending: string) => Number(/\/tcp\/(\d+)/.exec(addressOf(ending).toString())![1])

  /** Node tells it of each request. */
  const serverAt = async (port: number): Promise<Server> => {
    let server: Server | undefined
    const onRequest = (told: unknown): void => {
      server = (told as { server: Server }).server
    }
    subscribe('http.server.request.start', onRequest)
    await fetch(`http://127.0.0.1:${port}/`)
    unsubscribe('http.server.request.start', onRequest)
    return server!
  }

  it('moves bytes both ways, and is not dialled by other nodes there', async () => {
    const received: Promise<number> = new Promise(resolve => {
      node.handle(PROTOCOL, (stream: Stream) => {
        let bytes = 0
        stream.addEventListener('message', ({ data }) => {
          bytes += data.byteLength
          if (bytes < MIB) return
          resolve(bytes)
          stream.send(new Uint8Array(MIB).fill(7))
        })
      })
    })
    const stream = await page.dialProtocol(addressOf(ws), PROTOCOL)
    let back = 0
    const all = new Promise<void>(resolve => {
      stream.addEventListener('message', ({ data }) => {
        back += data.byteLength
        if (back === MIB) resolve()
      })
    })
    stream.send(new Uint8Array(MIB))
    assert.equal(await received, MIB)
    await all
    await node.unhandle(PROTOCOL)
    const [connection] = node.getConnections(page.peerId)
    assert.match(String(connection?.remoteAddr), /\/ip4\/127.0.0.1\/tcp\/\d+\/ws/)
    const other = await createNetworkNode({
      clock: systemClock,
      random: Math.random,
      roles: ['client'],
      log: quietLog,
    })
    await assert.rejects(other.dial(addressOf(ws)))
    await other.stop()
  })

  it('cuts off messages that are too long, and texts, and goes on', async () => {
    for (const message of [Buffer.alloc(WEB_SOCKET.maxMessageBytes + 1), 'text']) {
      const web = new WebSocket(`ws://127.0.0.1:${portOf(ws)}`)
      web.on('error', () => undefined)
      await once(web, 'open')
      web.send(message)
      await once(web, 'close')
    }
    const before = node.getConnections().length
    await page.dial(addressOf(ws))
    assert.ok(node.getConnections().length >= before)
  })

  it('takes WebSockets with its certificate', async () => {
    const web = new WebSocket(`wss://127.0.0.1:${portOf(wss)}`, { ca: TEST_TLS.cert })
    await once(web, 'open')
    web.terminate()
    await once(web, 'close')
  })

  it('tells others that only WebSockets are here', async () => {
    const answer = await fetch(`http://127.0.0.1:${portOf(ws)}/`)
    assert.deepEqual([answer.status, answer.headers.get('upgrade')], [426, 'websocket'])
    const asked = request({ host: '127.0.0.1', port: portOf(wss), ca: TEST_TLS.cert, agent: false }).end()
    const [secure] = await once(asked, 'response')
    assert.equal(secure.statusCode, 426)
    secure.destroy()
  })

  it('goes on when a connection could not be taken', async () => {
    const port = portOf(ws)
    const server = await serverAt(port)
    server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 426)
  })

  it('stops while somebody is about to say what they want', async () => {
    const alone = await createNetworkNode({
      clock: systemClock,
      random: Math.random,
      roles: ['relay'],
      listen: ['/ip4/127.0.0.1/tcp/0/ws'],
      log: quietLog,
    })
    const [, port] = /\/tcp\/(\d+)/.exec(String(alone.getMultiaddrs()))!
    const socket = connect(Number(port), '127.0.0.1')
    await once(socket, 'connect')
    const closed = once(socket, 'close')
    await alone.stop()
    await closed
  })
})
