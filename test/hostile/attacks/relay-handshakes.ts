import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { multiaddr } from '@multiformats/multiaddr'
import type { Attack } from '../attack.ts'
import { repeat } from '../support/repeat.ts'

const PARALLEL = 140
/** of each of them, between two connections: 70 a second in all, of which a third is let in */
const PAUSE_MS = 2_000

export const attack: Attack = {
  about: 'opens connections to a relay and never finishes a handshake',
  asks: ['relay'],
  refused: ['connections.pending', 'connections.rate'],
  async run({ target, from, signal }) {
    const [host, port] = multiaddr(target.boundedRelay.address)
      .getComponents()
      .map(({ value }) => value)
    const at = { host: host!, port: Number(port), localAddress: from, signal }
    return await repeat({ signal, parallel: PARALLEL, most: 20_000 }, async i => {
      const socket = connect(at)
      socket.on('error', () => undefined)
      // nothing, the first words, or what is none
      if (i % 3 > 0) socket.write(i % 3 === 1 ? '\x13/multistream/1.0.0\n' : 'x'.repeat(8_000))
      await once(socket.resume(), 'close')
      await sleep(PAUSE_MS, undefined, { signal })
    })
  },
}
