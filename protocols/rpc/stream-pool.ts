import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import type { ObjectId } from '../../codec/types.ts'
import { ProtocolError } from '../errors.ts'
import type { Bandwidth } from '../quota/bandwidth.ts'
import type { ProtocolSpec } from '../specs.ts'
import { type ClientStream, openClientStream } from './client-stream.ts'
import type { Dialer, PeerAddress } from './dial.ts'
import { createPeerStreams, type PeerStreams } from './peer-streams.ts'

/** A stream lent to one request. One of the two must be called; the second call does nothing. */
export interface Lease {
  readonly stream: ClientStream
  /** Whether an earlier request used it, so that the server may have dropped it meanwhile. */
  readonly reused: boolean
  /** The request was answered in full: the next one may have the stream. */
  release(): void
  /** The stream is in an unknown state: resets it. */
  discard(error: unknown): void
}

/** Streams of one protocol to any number of peers, kept open for the next request on the same connection. */
export interface StreamPool {
  readonly clock: Clock
  /** A stream on which ours is the only request, on any connection but `avoid`; waits while all of the peer's streams are out. */
  lease(peer: PeerAddress, signal?: AbortSignal, avoid?: Connection): Promise<Lease>
  /** Calls back once when a better connection than the stream's is open, until the result is called. */
  onBetter(stream: ClientStream, listener: () => void): () => void
  /** Resets every stream, idle or not. */
  close(): void
}

export interface StreamPoolInit {
  dialer: Dialer
  spec: ProtocolSpec
  network: ObjectId
  clock: Clock
  bandwidth: Bandwidth | undefined
}

export function createStreamPool(init: StreamPoolInit): StreamPool {
  const { dialer, spec, network, clock, bandwidth } = init
  const peers = new Map<string, PeerStreams>()
  const lent = new Set<ClientStream>()
  let closed = false

  const streamsOf = (peerId: string): PeerStreams => {
    const known = peers.get(peerId)
    if (known !== undefined) return known
    const streams = createPeerStreams(spec.streamsPerPeer, clock, () => peers.delete(peerId))
    peers.set(peerId, streams)
    return streams
  }

  return {
    clock,
    onBetter: ({ connection }, listener) => dialer.onBetter(connection, listener),
    async lease(peer, signal, avoid) {
      if (closed) throw new ProtocolError('CLOSED')
      const streams = streamsOf(peer.peerId)
      const leave = await streams.enter(signal)
      try {
        const connection = await dialer.connect(peer, signal, avoid)
        const idle = streams.takeIdle(connection)
        const stream = idle ?? (await openClientStream(connection, spec, network, clock, signal, bandwidth))
        // closed while it was being opened: `close` has not seen it
        if (closed) {
          const error = new ProtocolError('CLOSED')
          stream.destroy(error)
          throw error
        }
        stream.begin()
        lent.add(stream)
        const end = (act: () => void): void => {
          if (!lent.delete(stream)) return
          act()
          leave()
        }
        return {
          stream,
          reused: idle !== undefined,
          release: () => end(() => (reusable(stream) ? streams.keep(stream) : stream.destroy(undefined))),
          discard: error => end(() => stream.destroy(error)),
        }
      } catch (error) {
        leave()
        throw error
      }
    },
    close() {
      closed = true
      for (const streams of peers.values()) streams.clear()
      for (const stream of lent) stream.destroy(new ProtocolError('CLOSED'))
    },
  }
}

/** Bytes that nobody asked for would be taken for the next answer. */
function reusable({ channel }: ClientStream): boolean {
  return channel.open && channel.reader.bufferedBytes === 0
}
