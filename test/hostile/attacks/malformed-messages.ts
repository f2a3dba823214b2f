import { randomBytes } from 'node:crypto'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { parseBlobId } from '../../../codec/index.ts'
import type { SliverPairIndex } from '../../../codec/types.ts'
import { FetchRequest } from '../../../protocols/fetch/messages.ts'
import { PeersRequest } from '../../../protocols/peers/messages.ts'
import { PunchOffer } from '../../../protocols/punch/messages.ts'
import { ReachRequest } from '../../../protocols/reach/messages.ts'
import { SnapshotRequest } from '../../../protocols/snapshot/messages.ts'
import { StatusRequest } from '../../../protocols/status/messages.ts'
import { encodeFrame } from '../../../protocols/stream/frame.ts'
import type { Attack } from '../attack.ts'
import { hello, type Protocol, protocolId } from '../support/floe-stream.ts'
import { hostilePeer } from '../support/peer.ts'
import { repeat } from '../support/repeat.ts'
import { endSomehow, spoilt } from '../support/spoil.ts'

const PROTOCOLS: Protocol[] = ['status', 'fetch', 'store', 'snapshot', 'peers', 'reach', 'punch']

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
      ReachRequest.encode([4_001, 65_535]),
      PunchOffer.encode([{ ip: '192.0.2.1', port: 40_000 }]),
    ].map(message => Buffer.concat([hello(context.target), encodeFrame(message)]))
    const peer = await hostilePeer(context)
    try {
      return await repeat({ signal: context.signal, parallel: 8, most: 3_000 }, async i => {
        const stream = await peer.open(protocolId(PROTOCOLS[i % good.length]!))
        const round = Math.floor(i / good.length)
        await endSomehow(stream, spoilt(good[i % good.length]!, round), round)
      })
    } finally {
      await peer.stop()
    }
  },
}
