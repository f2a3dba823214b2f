import { randomBytes } from 'node:crypto'
import type { Attack } from '../attack.ts'
import { hostilePeer } from '../support/peer.ts'
import { bytesField, lengthPrefixed, numberField } from '../support/protobuf.ts'
import { repeat } from '../support/repeat.ts'

const PUT_VALUE = 0
const ADD_PROVIDER = 2
const GET_PROVIDERS = 3
/** version 1, raw, identity: the key is the data itself */
const identityCid = (bytes: number) => Buffer.concat([Uint8Array.of(1, 0x55, 0, bytes), randomBytes(bytes)])

export const attack: Attack = {
  about: 'stores provider records and values in the DHT, and asks for them',
  refused: ['dht.kind', 'dht.size', 'dht.rate'],
  async run(context) {
    const peer = await hostilePeer(context)
    const self = peer.libp2p.peerId.toMultihash().bytes
    const provider = Buffer.concat([
      bytesField(1, self),
      bytesField(2, Uint8Array.of(4, 127, 0, 0, 2, 6, 0, 80)),
    ])
    const messages = [
      () => [numberField(1, ADD_PROVIDER), bytesField(2, identityCid(40)), bytesField(9, provider)],
      () => [numberField(1, GET_PROVIDERS), bytesField(2, identityCid(40))],
      () => [numberField(1, PUT_VALUE), bytesField(2, randomBytes(32)), bytesField(3, randomBytes(50))],
    ]
    try {
      return await repeat({ signal: context.signal, parallel: 8, most: 5_000 }, async i => {
        const stream = await peer.open(`/floe/${context.target.network}/kad/1.0.0`)
        stream.send(lengthPrefixed(Buffer.concat(messages[i % messages.length]!())))
        await stream.close({ signal: AbortSignal.timeout(1_000) })
      })
    } finally {
      await peer.stop()
    }
  },
}
