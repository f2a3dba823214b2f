import { systemClock } from '../../../base/clock.ts'
import { reserveAt } from '../../../protocols/index.ts'
import type { Attack } from '../attack.ts'
import { type HostilePeer, hostilePeer } from '../support/peer.ts'
import { ended, repeat } from '../support/repeat.ts'

export const attack: Attack = {
  about: 'takes places at a relay, and asks for more, with as many PeerIds as it gets in',
  asks: ['relay'],
  refused: ['relay.address', 'relay.full'],
  async run(context) {
    const peers: HostilePeer[] = []
    try {
      const counts = await repeat({ signal: context.signal, parallel: 5, most: 60 }, async () => {
        const peer = await hostilePeer(context, { at: context.target.boundedRelay.address })
        peers.push(peer)
        const connection = await peer.connect()
        await reserveAt(connection, { clock: systemClock, signal: context.signal })
      })
      await ended(context.signal)
      return counts
    } finally {
      await Promise.all(peers.map(peer => peer.stop()))
    }
  },
}
