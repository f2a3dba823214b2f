import type { MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import type { Attack } from '../attack.ts'
import { hostilePeer } from '../support/peer.ts'
import { repeat } from '../support/repeat.ts'

const [DATA, WINDOW, PING] = [0, 1, 2]
const [SYN, RST] = [1, 8]

function frame(type: number, flags: number, stream: number, length: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes[1] = type
  bytes[3] = flags
  bytes.writeUInt32BE(stream, 4)
  bytes.writeUInt32BE(length, 8)
  return bytes
}

export const attack: Attack = {
  about:
    'sends the multiplexer frames that say 4 GiB, pings without end, and streams that it resets in the same breath',
  refused: ['connections.size', 'connections.rate'],
  async run(context) {
    let line: MessageStream | undefined
    const factory: StreamMuxerFactory = yamux()()
    const create = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection): StreamMuxer => {
      line = connection
      return create(connection)
    }
    const peer = await hostilePeer(context, { muxer: factory })
    const junk = Buffer.alloc(64 * 1024)
    const pings = Buffer.concat(Array.from({ length: 1_000 }, (_, i) => frame(PING, SYN, 0, i)))
    const floods: ((line: MessageStream, i: number) => void)[] = [
      line => {
        line.send(frame(DATA, SYN, 1_001, 0xffff_ffff))
        for (let i = 0; i < 100 && line.status === 'open'; i++) line.send(junk)
      },
      line => {
        for (let i = 0; i < 20 && line.status === 'open'; i++) line.send(pings)
      },
      line => {
        const pairs = Array.from({ length: 2_000 }, (_, i) => [
          frame(WINDOW, SYN, 2 * i + 101, 0),
          frame(WINDOW, RST, 2 * i + 101, 0),
        ])
        line.send(Buffer.concat(pairs.flat()))
      },
    ]
    try {
      return await repeat({ signal: context.signal, most: 300 }, async i => {
        const connection = await peer.connect()
        if (line !== undefined) floods[i % floods.length](line, i)
        await connection.close({ signal: AbortSignal.timeout(1_000) })
      })
    } finally {
      await peer.stop()
    }
  },
}
