import { randomBytes } from 'node:crypto'
import type { Attack } from '../attack.ts'
import { hostilePeer } from '../support/peer.ts'
import { bytesField, lengthPrefixed } from '../support/protobuf.ts'
import { repeat } from '../support/repeat.ts'

export const attack: Attack = {
  about: 'floods gossip with messages although it is no member',
  refused: ['gossip.stranger'],
  async run(context) {
    const topic = Buffer.from(`/floe/${context.target.network}/certified/1`)
    const peer = await hostilePeer(context)
    const from = peer.libp2p.peerId.toMultihash().bytes
    const message = () =>
      bytesField(
        2,
        Buffer.concat([
          bytesField(1, from),
          bytesField(2, randomBytes(200)),
          bytesField(3, randomBytes(8)),
          bytesField(4, topic),
          bytesField(5, randomBytes(64)),
        ]),
      )
    const rpc = lengthPrefixed(Buffer.concat(Array.from({ length: 64 }, message)))
    try {
      return await repeat({ signal: context.signal, parallel: 4, most: 5_000 }, async () => {
        const stream = await peer.open('/meshsub/1.2.0')
        for (let i = 0; i < 16 && stream.status === 'open'; i++) stream.send(rpc)
        await stream.close({ signal: AbortSignal.timeout(1_000) })
      })
    } finally {
      await peer.stop()
    }
  },
}
