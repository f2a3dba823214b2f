import type { Connection } from '@libp2p/interface'
import { ProtocolError, type ProtocolErrorCode } from '../errors.ts'
import type { ClientStream } from './client-stream.ts'
import type { PeerAddress } from './dial.ts'
import type { Lease, StreamPool } from './stream-pool.ts'

/**
 * Leases a stream and begins a request on it: `begin` sends the request and reads the first answer. The lease comes back
 * with what it returned; the caller releases or discards it. It is not on the connection `avoid`.
 *
 * A stream that was kept open may have been dropped by the server just now. When it breaks before the first answer, the
 * request is made again, at last on a new stream: every request here can be repeated without harm. Once it is also made
 * again when this process stood still meanwhile: libp2p's own limits on dials and negotiations, on both sides, count that.
 */
export async function beginRequest<T>(
  pool: StreamPool,
  peer: PeerAddress,
  signal: AbortSignal | undefined,
  begin: (stream: ClientStream) => Promise<T>,
  avoid?: Connection,
): Promise<{ lease: Lease; first: T }> {
  let excused = false
  for (;;) {
    using watch = pool.clock.stallWatch()
    let lease: Lease | undefined
    try {
      lease = await pool.lease(peer, signal, avoid)
      return { lease, first: await begin(lease.stream) }
    } catch (error) {
      lease?.discard(error)
      if (lease?.reused && !lease.stream.answered && isBroken(error)) continue
      if (excused || !watch.stalled || lease?.stream.answered || !isInterrupted(error)) throw error
      excused = true
    }
  }
}

const BROKEN: ReadonlySet<ProtocolErrorCode> = new Set(['CONNECTION_LOST', 'PATH_LOST', 'TRUNCATED'])

function isInterrupted(error: unknown): boolean {
  const unreached =
    error instanceof ProtocolError && !error.remote && ['UNREACHABLE', 'TIMEOUT'].includes(error.code)
  return unreached || isBroken(error)
}

function isBroken(error: unknown): boolean {
  return error instanceof ProtocolError && BROKEN.has(error.code)
}
