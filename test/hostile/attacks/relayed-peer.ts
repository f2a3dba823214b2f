import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { StopRequestMessage } from '../../../protocols/circuit/messages.ts'
import { CIRCUIT, HTTP } from '../../../protocols/specs.ts'
import { encodeFrame } from '../../../protocols/stream/frame.ts'
import type { Attack } from '../attack.ts'
import { repeat } from '../support/repeat.ts'
import { endSomehow, spoilt } from '../support/spoil.ts'

export const attack: Attack = {
  about:
    'speaks to a private node as its relays do, over a circuit: calls from others, and HTTP, right and spoilt',
  asks: ['relay'],
  async run({ target, signal }) {
    const { address, peerId } = target.boundedRelay
    const libp2p = await createNetworkNode({
      roles: ['client'],
      log: silentLog(),
      clock: systemClock,
      random: Math.random,
    })
    const said = [
      [CIRCUIT.stop, encodeFrame(StopRequestMessage.encode({ peer: libp2p.peerId, isNear: true }))],
      [HTTP.id, Buffer.from('GET /v1/health HTTP/1.1\r\nHost: node\r\n\r\n')],
    ] as const
    try {
      return await repeat({ signal, parallel: 4, most: 1_000 }, async i => {
        const called = multiaddr(`${address}/p2p-circuit/p2p/${peerId}`)
        const connection = await libp2p.dial(called, { signal })
        const [protocol, words] = said[i % said.length]!
        const round = Math.floor(i / said.length)
        const stream = await connection.newStream(protocol, { signal, runOnLimitedConnection: true })
        let answer = ''
        stream.addEventListener('message', ({ data }) => {
          answer += Buffer.from(data.subarray()).toString()
        })
        await endSomehow(stream, round % 2 === 0 ? words : spoilt(words, round), round)
        if (answer.includes('well')) throw new Error('it was taken for a relay')
      })
    } finally {
      await libp2p.stop()
    }
  },
}
