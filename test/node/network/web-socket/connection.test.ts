import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { WebSocket, WebSocketServer } from 'ws'
import { quietLogger } from '../../../../node/network/quiet-logger.ts'
import { webSocketConnection } from '../../../../node/network/web-socket/connection.ts'

const MIB = 1024 * 1024

describe('a WebSocket as a connection', function () {
  this.timeout(60_000)
  async function open() {
    const server = createServer()
    const webSockets = new WebSocketServer({ server, autoPong: false })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const [[web, request]] = await Promise.all([once(webSockets, 'connection'), once(client, 'open')])
    const remote = multiaddr('/ip4/127.0.0.1/tcp/1/ws')
    const connection = webSocketConnection(web, request.socket as Socket, remote, quietLogger({}).logger!)
    return {
      client,
      web,
      connection,
      async [Symbol.asyncDispose]() {
        client.terminate()
        server.close()
        await once(server, 'close')
      },
    }
  }

  /** Resolves once so many bytes have come. */
  const allOf = (client: WebSocket, bytes: number): Promise<void> =>
    new Promise(resolve => {
      let received = 0
      client.on('message', (data: Buffer) => {
        received += data.byteLength
        if (received === bytes) resolve()
      })
    })

  it('stops reading while it is paused, and loses nothing', async () => {
    await using both = await open()
    const { client, connection } = both
    let received = 0
    const total = 16 * MIB
    const all = new Promise<void>(resolve => {
      connection.addEventListener('message', ({ data }) => {
        received += data.byteLength
        if (received === total) resolve()
      })
    })
    connection.pause()
    const first = new Promise(resolve => client.send(new Uint8Array(MIB / 8), resolve))
    for (let sent = MIB / 8; sent < total; sent += MIB / 8) client.send(new Uint8Array(MIB / 8))
    await first
    // the kernel takes some of it, and what a loop of reading brought in
    assert.equal(connection.status, 'open')
    assert.ok(client.bufferedAmount > total / 4, `${client.bufferedAmount} left`)
    assert.equal(received, 0)
    connection.resume()
    await all
  })

  it('says that it takes no more while the other side does not read, and when it does again', async () => {
    await using both = await open()
    const { client, connection } = both
    client.pause()
    let sent = 0
    do sent += MIB
    while (connection.send(new Uint8Array(MIB)))
    const drained = new Promise(resolve => connection.addEventListener('drain', resolve, { once: true }))
    const all = allOf(client, sent)
    client.resume()
    await drained
    await all
  })

  it('answers no pings of one that does not read', async () => {
    await using both = await open()
    const { client, web, connection } = both
    client.pause()
    // more than the kernel takes
    const sent = 16 * MIB
    for (let queued = 0; queued < sent; queued += MIB) connection.send(new Uint8Array(MIB))
    let pongs = 0
    client.on('pong', () => {
      pongs++
    })
    const all = allOf(client, sent)
    const pinged = once(web, 'ping')
    client.ping()
    await pinged
    client.resume()
    await all
    assert.equal(pongs, 0)
    const answered = once(client, 'pong')
    client.ping()
    await answered
  })

  it('closes for both', async () => {
    await using both = await open()
    const { client, connection } = both
    const closed = once(client, 'close')
    await connection.close()
    await closed
    assert.equal(connection.status, 'closed')
  })
})
