import type { Connection, MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import type { AttackContext } from '../attack.ts'
import { hostilePeer } from './peer.ts'

export const [DATA, WINDOW, PING] = [0, 1, 2]
export const [SYN, RST] = [1, 8]

/** A header of yamux: version, type, flags, stream, length. */
export function frame(type: number, flags: number, stream: number, length: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes[1] = type
  bytes[3] = flags
  bytes.writeUInt32BE(stream, 4)
  bytes.writeUInt32BE(length, 8)
  return bytes
}

export const openAndReset = (stream: number): Buffer =>
  Buffer.concat([frame(WINDOW, SYN, stream, 0), frame(WINDOW, RST, stream, 0)])

/** A peer that writes the multiplexer's frames itself. */
export async function rawPeer(context: AttackContext) {
  let line: MessageStream | undefined
  const factory: StreamMuxerFactory = yamux()()
  const create = factory.createStreamMuxer.bind(factory)
  factory.createStreamMuxer = (connection): StreamMuxer => {
    line = connection
    return create(connection)
  }
  const peer = await hostilePeer(context, { muxer: factory })
  return {
    /** A new connection; what is sent on `line` is encrypted and nothing else. */
    async connect(): Promise<{ connection: Connection; line: MessageStream }> {
      const connection = await peer.connect()
      if (line === undefined) throw new Error('no multiplexer was made')
      return { connection, line }
    },
    stop: () => peer.stop(),
  }
}
