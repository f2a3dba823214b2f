import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack } from '../attack.ts'
import { repeat } from '../support/repeat.ts'
import { openSocket } from '../support/socket.ts'

const UPLOADS = 64
const DRIP_MS = 200

export const attack: Attack = {
  about: 'begins many uploads at the gateway and sends a byte now and then',
  async run(context) {
    const { target, signal } = context
    return await repeat({ signal, parallel: UPLOADS, most: 1_000 }, async () => {
      const socket = await openSocket(target.gatewayUrl, context)
      socket.write('PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n')
      while (socket.writable && !signal.aborted) {
        socket.write('x')
        await sleep(DRIP_MS, undefined, { signal }).catch(() => undefined)
      }
    })
  },
}
