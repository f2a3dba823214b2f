import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { encodeStunRequest } from '../../../protocols/index.ts'
import type { Attack } from '../attack.ts'
import { repeat } from '../support/repeat.ts'
import { closed, openSocket } from '../support/socket.ts'

export const attack: Attack = {
  about: 'asks the STUN of a relay without end, over UDP and TCP, also in what is no question, or never ends',
  asks: ['relay'],
  refused: ['stun.rate', 'stun.malformed', 'stun.full'],
  async run(context) {
    const { target, from, signal } = context
    const { httpUrl, stunPort } = target.boundedRelay
    const { hostname } = new URL(httpUrl)
    const question = () => encodeStunRequest(new Uint8Array(randomBytes(12)))
    const udp = createSocket('udp4')
    udp.on('error', () => undefined)
    udp.bind(0, from)
    const overTcp = [
      () => Buffer.concat(Array.from({ length: 500 }, question)),
      () => question().subarray(0, 19),
      () => randomBytes(2_000),
    ]
    try {
      return await repeat({ signal, parallel: 32, most: 50_000 }, async i => {
        if (i % 4 > 0) {
          const bytes = i % 4 === 1 ? question() : new Uint8Array(randomBytes(i % 1_400))
          await new Promise(resolve => udp.send(bytes, stunPort, hostname, resolve))
          return
        }
        const socket = await openSocket(`http://${hostname}:${stunPort}`, context)
        socket.write(overTcp[(i / 4) % overTcp.length]!())
        await closed(socket)
      })
    } finally {
      udp.close()
    }
  },
}
