import type { Attack } from '../attack.ts'
import { hostilePeer } from '../support/peer.ts'
import { bytesField, lengthPrefixed, numberField } from '../support/protobuf.ts'
import { repeat } from '../support/repeat.ts'

const FIND_NODE = 4

export const attack: Attack = {
  about: 'sends DHT requests of 100 KB, and small ones as fast as it can',
  refused: ['dht.size', 'dht.rate'],
  async run(context) {
    const protocol = `/floe/${context.target.network}/kad/1.0.0`
    const large = lengthPrefixed(
      Buffer.concat([numberField(1, FIND_NODE), bytesField(2, new Uint8Array(100_000))]),
    )
    const small = lengthPrefixed(
      Buffer.concat([numberField(1, FIND_NODE), bytesField(2, new Uint8Array(34))]),
    )
    const many = Buffer.concat(Array.from({ length: 100 }, () => small))
    const peer = await hostilePeer(context)
    try {
      return await repeat({ signal: context.signal, parallel: 8, most: 5_000 }, async i => {
        const stream = await peer.open(protocol)
        stream.send(i % 2 === 0 ? large : many)
        await stream.close({ signal: AbortSignal.timeout(1_000) })
      })
    } finally {
      await peer.stop()
    }
  },
}
