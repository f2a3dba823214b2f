import { peerIdFromString } from '@libp2p/peer-id'
import { HopRequestMessage } from '../../../protocols/circuit/messages.ts'
import { CIRCUIT } from '../../../protocols/specs.ts'
import { encodeFrame } from '../../../protocols/stream/frame.ts'
import type { Attack } from '../attack.ts'
import { hostilePeer } from '../support/peer.ts'
import { repeat } from '../support/repeat.ts'
import { endSomehow, spoilt } from '../support/spoil.ts'

export const attack: Attack = {
  about:
    'asks a relay for reservations and circuits without end, in messages that are right, cut, altered or made up',
  refused: ['relay.rate'],
  async run(context) {
    const { relay, nodes } = context.target
    const peer = await hostilePeer(context, { at: relay })
    const requests = [
      HopRequestMessage.encode({ kind: 'reserve' }),
      HopRequestMessage.encode({ kind: 'connect', peer: peerIdFromString(nodes[0]!.peerId) }),
      HopRequestMessage.encode({ kind: 'connect', peer: peer.libp2p.peerId }),
    ].map(encodeFrame)
    try {
      return await repeat({ signal: context.signal, parallel: 8, most: 5_000 }, async i => {
        const stream = await peer.open(CIRCUIT.hop)
        const request = requests[i % requests.length]!
        await endSomehow(stream, i % 2 === 0 ? request : spoilt(request, i), i)
      })
    } finally {
      await peer.stop()
    }
  },
}
