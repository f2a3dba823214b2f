import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack } from '../attack.ts'
import { socketOf } from '../support/peer.ts'

const PER_SECOND = 200

export const attack: Attack = {
  about: 'opens connections to every node and never finishes a handshake',
  refused: ['connections.pending', 'connections.rate'],
  async run({ target, from, signal }) {
    const sockets = new Set<Socket>()
    let opened = 0
    while (!signal.aborted) {
      for (const node of target.nodes.keys()) {
        const socket = connect({ ...socketOf(target, node), localAddress: from })
        opened++
        sockets.add(socket)
        // the first words, as if it went on
        socket.on('connect', () => socket.write('\x13/multistream/1.0.0\n'))
        socket.on('error', () => undefined)
        socket.on('close', () => sockets.delete(socket))
      }
      await sleep((1000 / PER_SECOND) * target.nodes.length, undefined, { signal }).catch(() => undefined)
    }
    for (const socket of sockets) socket.destroy()
    return { opened }
  },
}
