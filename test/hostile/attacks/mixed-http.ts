import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack } from '../attack.ts'
import { repeat } from '../support/repeat.ts'
import { openSocket } from '../support/socket.ts'

const HOST = 'HTTP/1.1\r\nHost: localhost\r\n'
const REQUESTS = [
  `GET /v1/health ${HOST}\r\n`,
  `HEAD / ${HOST}\r\n`,
  `PUT /v1/blobs ${HOST}Content-Length: 100\r\n\r\nabc`,
  `PUT /v1/blobs ${HOST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`,
  `PUT /v1/blobs ${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  `GET / ${HOST}Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n`,
  `CONNECT a:1 ${HOST}\r\nab`,
  'BREW\r\n',
]
const any = (below: number): number => Math.floor(Math.random() * below)

export const attack: Attack = {
  about:
    'sends HTTP requests of all kinds in a row, cuts the last one, and resets or ends the connection at any time',
  async run(context) {
    const { target, signal } = context
    const urls = [target.gatewayUrl, target.nodes[0]!.http ?? target.gatewayUrl]
    return await repeat({ signal, parallel: 16, most: 20_000 }, async i => {
      const socket = await openSocket(urls[i % urls.length]!, context)
      if (any(2) === 0) socket.pause()
      const requests = [...REQUESTS, `GET /v1/blobs/${target.blobId} ${HOST}\r\n`]
      const text = Array.from({ length: 1 + any(6) }, () => requests[any(requests.length)]).join('')
      socket.write(text.slice(0, any(3) === 0 ? any(text.length) : text.length))
      await sleep(any(60), undefined, { signal })
      if (any(3) === 0) socket.end()
      else if (any(2) === 0) socket.resetAndDestroy()
      else socket.destroy()
    })
  },
}
