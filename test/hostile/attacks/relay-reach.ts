import { systemClock } from '../../../base/clock.ts'
import { parseObjectId } from '../../../codec/index.ts'
import { askReach } from '../../../protocols/index.ts'
import type { Attack } from '../attack.ts'
import { hostilePeer } from '../support/peer.ts'
import { repeat } from '../support/repeat.ts'

const PEERS = 8
const PORTS = [2_000, 3_000, 4_000, 5_000]

export const attack: Attack = {
  about: 'has a relay dial back at ports of the own address, with eight PeerIds at a time',
  asks: ['relay'],
  refused: ['streams.busy', 'streams.failures'],
  async run(context) {
    const { target, signal } = context
    const network = parseObjectId(target.network)
    const peers = await Promise.all(
      Array.from({ length: PEERS }, () => hostilePeer(context, { at: target.boundedRelay.address })),
    )
    try {
      return await repeat({ signal, parallel: PEERS, most: 1_000 }, async i => {
        const peer = peers[i % PEERS]!
        const connection = peer.libp2p.getConnections()[0] ?? (await peer.connect())
        await askReach(connection, PORTS, { network, clock: systemClock, signal })
      })
    } finally {
      await Promise.all(peers.map(peer => peer.stop()))
    }
  },
}
