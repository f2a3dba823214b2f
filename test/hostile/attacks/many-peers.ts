import type { Attack } from '../attack.ts'
import { hello, type Protocol, protocolId } from '../support/floe-stream.ts'
import { type HostilePeer, hostilePeer } from '../support/peer.ts'
import { ended, repeat } from '../support/repeat.ts'

const PEERS = 100
const STREAMS = 48
const PROTOCOLS: Protocol[] = ['status', 'fetch', 'store']

export const attack: Attack = {
  about: 'holds 48 streams of each of a hundred PeerIds, and asks for nothing',
  refused: ['streams.busy', 'connections.rate', 'connections.pending'],
  async run(context) {
    const peers: HostilePeer[] = []
    try {
      const counts = await repeat({ signal: context.signal, parallel: 5, most: PEERS }, async i => {
        const peer = await hostilePeer(context)
        peers.push(peer)
        await peer.connect()
        const open = (j: number) => peer.open(protocolId(PROTOCOLS[(i + j) % 3]!))
        const opened = await Promise.allSettled(Array.from({ length: STREAMS }, (_, j) => open(j)))
        for (const one of opened) if (one.status === 'fulfilled') one.value.send(hello(context.target))
      })
      await ended(context.signal)
      return counts
    } finally {
      await Promise.all(peers.map(peer => peer.stop()))
    }
  },
}
