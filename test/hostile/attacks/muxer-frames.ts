import type { MessageStream } from '@libp2p/interface'
import type { Attack } from '../attack.ts'
import { DATA, frame, openAndReset, PING, rawPeer, SYN } from '../support/muxer.ts'
import { repeat } from '../support/repeat.ts'

export const attack: Attack = {
  about:
    'sends the multiplexer frames that say 4 GiB, pings without end, and streams that it resets in the same breath',
  refused: ['connections.size', 'connections.rate'],
  async run(context) {
    const peer = await rawPeer(context)
    const junk = Buffer.alloc(64 * 1024)
    const pings = Buffer.concat(Array.from({ length: 1_000 }, (_, i) => frame(PING, SYN, 0, i)))
    const streams = Buffer.concat(Array.from({ length: 2_000 }, (_, i) => openAndReset(2 * i + 101)))
    const floods: ((line: MessageStream) => void)[] = [
      line => {
        line.send(frame(DATA, SYN, 1_001, 0xffff_ffff))
        for (let i = 0; i < 100 && line.status === 'open'; i++) line.send(junk)
      },
      line => {
        for (let i = 0; i < 20 && line.status === 'open'; i++) line.send(pings)
      },
      line => void line.send(streams),
    ]
    try {
      return await repeat({ signal: context.signal, most: 300 }, async i => {
        const { connection, line } = await peer.connect()
        floods[i % floods.length]!(line)
        await connection.close({ signal: AbortSignal.timeout(1_000) })
      })
    } finally {
      await peer.stop()
    }
  },
}
