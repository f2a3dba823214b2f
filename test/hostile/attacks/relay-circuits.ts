import { setTimeout as sleep } from 'node:timers/promises'
import { peerIdFromString } from '@libp2p/peer-id'
import { systemClock } from '../../../base/clock.ts'
import { connectThrough } from '../../../protocols/index.ts'
import type { Attack } from '../attack.ts'
import { hostilePeer } from '../support/peer.ts'
import { ended, repeat } from '../support/repeat.ts'

const PEERS = 8
/** before one asks again, at most some 100 questions a second in all */
const PAUSE_MS = 250
const FLOOD = new Uint8Array(64 * 1024)

export const attack: Attack = {
  about:
    'calls a node over its relay with eight PeerIds, to say nothing there, or to send garbage and read nothing',
  asks: ['relay'],
  refused: ['relay.address', 'relay.target', 'relay.rate'],
  async run(context) {
    const { target, signal } = context
    const { address: at, peerId } = target.boundedRelay
    const called = peerIdFromString(peerId)
    const peers = await Promise.all(Array.from({ length: PEERS }, () => hostilePeer(context, { at })))
    try {
      return await repeat({ signal, parallel: 3 * PEERS, most: 2_000 }, async i => {
        const peer = peers[i % PEERS]!
        const connection = peer.libp2p.getConnections()[0] ?? (await peer.connect())
        if (i >= 2 * PEERS) await sleep(PAUSE_MS, undefined, { signal })
        const { stream } = await connectThrough(connection, called, { clock: systemClock, signal })
        stream.pause()
        if (i % 2 === 0) while (stream.status === 'open' && stream.send(FLOOD)) {}
        // as long as somebody lets it
        const over = new Promise(resolve => stream.addEventListener('close', resolve))
        await Promise.race([over, ended(signal)])
        stream.abort(new Error('over'))
      })
    } finally {
      await Promise.all(peers.map(peer => peer.stop()))
    }
  },
}
