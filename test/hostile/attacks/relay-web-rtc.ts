import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { rtcPlace } from '../../../node/network/web-rtc/kinds.ts'
import { createUfrag } from '../../../node/network/web-rtc/sdp.ts'
import { stunRequest } from '../../support/native-rtc.ts'
import type { Attack } from '../attack.ts'
import { repeat } from '../support/repeat.ts'

/** each is another client to who listens */
const SOCKETS = 16
/** of each of them: 320 packets a second in all, of which a third is a knock; faster ones, the system drops those of honest pages, too */
const PAUSE_MS = 50

export const attack: Attack = {
  about: 'knocks by WebRTC as ever new pages, of which none comes in, and sends what is no request',
  asks: ['relay', 'page'],
  refused: ['connections.rate', 'connections.pending', 'connections.handshake'],
  async run({ target, from, signal }) {
    const { host, port } = rtcPlace(multiaddr(target.boundedRelay.webRtc))!
    const sockets = Array.from({ length: SOCKETS }, () => createSocket('udp4').bind(0, from))
    try {
      await Promise.all(sockets.map(socket => once(socket, 'listening', { signal })))
      for (const socket of sockets) socket.on('error', () => undefined)
      return await repeat({ signal, parallel: SOCKETS, most: 20_000 }, async i => {
        const ufrag = createUfrag(Math.random)
        const knock = stunRequest(`${ufrag}:${ufrag}`)
        const bytes = [knock, knock.subarray(0, knock.length - 9), randomBytes(i % 1_400)][i % 3]!
        await new Promise(resolve => sockets[i % SOCKETS]!.send(bytes, port, host, resolve))
        await sleep(PAUSE_MS, undefined, { signal })
      })
    } finally {
      for (const socket of sockets) socket.close()
    }
  },
}
