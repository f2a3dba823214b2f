import type { Attack } from '../attack.ts'
import { repeat } from '../support/repeat.ts'
import { closed, openSocket } from '../support/socket.ts'

export const attack: Attack = {
  about: 'begins uploads through the proxy of a relay that never go on, and asks for more than it reads',
  asks: ['relay'],
  refused: ['http.address', 'http.busy', 'http.pipelined', 'http.idle', 'http.connections'],
  async run(context) {
    const { target, signal } = context
    const { httpUrl, peerId } = target.boundedRelay
    const path = `/peers/${peerId}/v1/blobs/B/metadata`
    const says = [
      `PUT ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n1`,
      `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(500),
      'GET /events HTTP/1.1\r\nHost: a\r\n\r\n',
    ]
    return await repeat({ signal, parallel: 64, most: 2_000 }, async i => {
      const socket = await openSocket(httpUrl, context)
      socket.pause()
      socket.write(says[i % says.length]!)
      await closed(socket)
    })
  },
}
