import { setTimeout as sleep } from 'node:timers/promises'
import { parseBlobId } from '../../../codec/index.ts'
import type { SliverPairIndex } from '../../../codec/types.ts'
import { FetchRequest } from '../../../protocols/fetch/messages.ts'
import { encodeFrame } from '../../../protocols/stream/frame.ts'
import type { Attack } from '../attack.ts'
import { hello, type Protocol, protocolId } from '../support/floe-stream.ts'
import { type HostilePeer, hostilePeer } from '../support/peer.ts'
import { repeat } from '../support/repeat.ts'

/** more streams of each protocol than an address may have */
const PEERS = 6
const STREAMS = 48
const BETWEEN_BYTES_MS = 200
const PROTOCOLS: Protocol[] = ['status', 'fetch', 'store']

export const attack: Attack = {
  about: 'says everything a byte at a time, stops midway, or asks for slivers and takes none',
  // who stops midway too often is no longer heard at all
  refused: ['streams.busy', 'streams.failures'],
  async run(context) {
    const { signal, target } = context
    const blobId = parseBlobId(target.blobId)
    const items = Array.from({ length: 20 }, (_, pair) => ({
      blobId,
      ref: { pair: (pair % 10) as SliverPairIndex, axis: 'primary' as const },
      offset: 0,
      length: null,
    }))
    const request = Buffer.concat([hello(target), encodeFrame(FetchRequest.encode({ items }))])
    const peers: HostilePeer[] = []
    for (let i = 0; i < PEERS && !signal.aborted; i++) peers.push(await hostilePeer(context, { node: i }))
    try {
      return await repeat({ signal, parallel: PEERS * STREAMS }, async i => {
        const stream = await peers[i % PEERS]!.open(protocolId(PROTOCOLS[i % 3]!))
        const way = Math.floor(i / 3) % 3
        if (way === 0) stream.pause()
        const bytes = way === 0 ? request : request.subarray(0, way === 1 ? request.length - 1 : 20)
        if (way === 0) stream.send(bytes)
        for (let at = 0; way !== 0 && at < bytes.length && stream.status === 'open'; at++) {
          stream.send(bytes.subarray(at, at + 1))
          await sleep(BETWEEN_BYTES_MS, undefined, { signal })
        }
        while (stream.status === 'open') await sleep(BETWEEN_BYTES_MS, undefined, { signal })
      })
    } finally {
      await Promise.all(peers.map(peer => peer.stop()))
    }
  },
}
