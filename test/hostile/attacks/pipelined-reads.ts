import { randomBytes } from 'node:crypto'
import { blobIdFromBytes } from '../../../codec/index.ts'
import type { Attack } from '../attack.ts'
import { repeat } from '../support/repeat.ts'
import { closed, openSocket } from '../support/socket.ts'

const REQUESTS = 2_000

export const attack: Attack = {
  about: 'sends thousands of requests for unknown blobs at once on each connection',
  refused: ['http.pipelined', 'http.busy'],
  async run(context) {
    const { target, signal } = context
    return await repeat({ signal, parallel: 8, most: 200 }, async () => {
      const socket = await openSocket(target.gatewayUrl, context)
      const requests = Array.from(
        { length: REQUESTS },
        () => `GET /v1/blobs/${blobIdFromBytes(randomBytes(32))} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      )
      socket.write(requests.join(''))
      await closed(socket)
    })
  },
}
