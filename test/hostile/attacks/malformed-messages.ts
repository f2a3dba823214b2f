import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { parseBlobId } from '../../../codec/index.ts'
import type { SliverPairIndex } from '../../../codec/types.ts'
import { FetchRequest } from '../../../protocols/fetch/messages.ts'
import { PeersRequest } from '../../../protocols/peers/messages.ts'
import { SnapshotRequest } from '../../../protocols/snapshot/messages.ts'
import { StatusRequest } from '../../../protocols/status/messages.ts'
import { encodeFrame } from '../../../protocols/stream/frame.ts'
import type { Attack } from '../attack.ts'
import { hello, type Protocol, protocolId } from '../support/floe-stream.ts'
import { hostilePeer } from '../support/peer.ts'
import { repeat } from '../support/repeat.ts'

const PROTOCOLS: Protocol[] = ['status', 'fetch', 'store', 'snapshot', 'peers']

export const attack: Attack = {
  about:
    'sends requests that are cut, altered, too long or made up, and ends them by close, reset or silence',
  refused: ['streams.failures'],
  async run(context) {
    const blobId = parseBlobId(context.target.blobId)
    const good = [
      StatusRequest.encode({ NodeInfo: true }),
      FetchRequest.encode({
        items: [{ blobId, ref: { pair: 0 as SliverPairIndex, axis: 'primary' }, offset: 9, length: 100 }],
      }),
      randomBytes(100),
      SnapshotRequest.encode({ digest: randomBytes(32), page: 0 }),
      PeersRequest.encode([peerIdFromPublicKey(publicKeyFromRaw(randomBytes(32))).toString()]),
    ].map(message => Buffer.concat([hello(context.target), encodeFrame(message)]))
    const ways: ((bytes: Buffer, i: number) => Uint8Array)[] = [
      (bytes, i) => bytes.subarray(0, i % bytes.length),
      (bytes, i) => {
        const altered = Buffer.from(bytes)
        altered[(i * 7) % altered.length]! ^= 1 + (i % 255)
        return altered
      },
      bytes => Buffer.concat([bytes, Uint8Array.of(0xff, 0xff, 0xff, 0x7f)]),
      () => randomBytes(200),
    ]
    const peer = await hostilePeer(context)
    try {
      return await repeat({ signal: context.signal, parallel: 8, most: 3_000 }, async i => {
        const stream = await peer.open(protocolId(PROTOCOLS[i % good.length]!))
        stream.addEventListener('message', () => undefined)
        stream.send(ways[Math.floor(i / good.length) % ways.length]!(good[i % good.length]!, i))
        if (i % 5 === 0) stream.abort(new Error('reset'))
        else if (i % 5 === 1) await sleep(100)
        else await stream.close({ signal: AbortSignal.timeout(1_000) })
        stream.abort(new Error('over'))
      })
    } finally {
      await peer.stop()
    }
  },
}
