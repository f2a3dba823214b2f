import type { Connection } from '@libp2p/interface'

/** A peer and where it may be reached. */
export interface PeerAddress {
  /** libp2p PeerId as text */
  peerId: string
  /** in any order; empty: what the dialler knows of the peer */
  multiaddrs: readonly string[]
}

/** The way to peers; `node/network/paths` has one. */
export interface Dialer {
  /**
   * The best open connection to the peer but for `avoid`, on which it has fallen silent; a new one when there is none. Throws
   * UNREACHABLE, CLOSED or the signal's reason.
   */
  connect(peer: PeerAddress, signal?: AbortSignal, avoid?: Connection): Promise<Connection>
  /**
   * Calls `listener` once when a better connection to the same peer than this one is open, at once when there is one already: a
   * direct one beside a relayed one. The result stops that.
   */
  onBetter(connection: Connection, listener: () => void): () => void
  /**
   * Waits for a direct connection that is being made beside a relayed one, CLIENT.directWaitMs at most: before much is sent, which
   * would stay on the relay. Throws as `connect`.
   */
  settle?(peer: PeerAddress, signal?: AbortSignal): Promise<void>
  /** Ends dials under way. */
  close(): void
}
