import type { Attack } from '../attack.ts'
import { type HostilePeer, hostilePeer } from '../support/peer.ts'
import { ended, repeat } from '../support/repeat.ts'

const PEERS = 10

export const attack: Attack = {
  about: 'holds as many connections as it gets, of ten PeerIds, and uses none',
  refused: ['connections.idle', 'connections.peer', 'connections.address', 'connections.rate'],
  async run(context) {
    const peers: HostilePeer[] = []
    for (let i = 0; i < PEERS && !context.signal.aborted; i++) {
      peers.push(await hostilePeer(context, { node: i }))
    }
    try {
      const counts = await repeat({ signal: context.signal, parallel: PEERS, most: 1_500 }, i =>
        peers[i % peers.length]!.connect(),
      )
      await ended(context.signal)
      return counts
    } finally {
      await Promise.all(peers.map(peer => peer.stop()))
    }
  },
}
