import type { BlobId } from '../../codec/types.ts'
import {
  type FetchedSliver,
  type FetchRequestItem,
  type PeerAddress,
  type PeerClient,
  ProtocolError,
} from '../../protocols/index.ts'

/** What a peer was asked for of a blob, and what came of it. */
export type PeerEvent = { readonly peerId: string; readonly blobId: BlobId } & (
  | { readonly kind: 'asked'; readonly slivers: number }
  /** not verified yet; `bytes` is 0 where the peer does not have it */
  | { readonly kind: 'answered'; readonly bytes: number }
  /** `problem`: why it ended early, an error code; `left` when the reader had enough */
  | { readonly kind: 'over'; readonly problem: string | undefined }
)

/** Tells of what is fetched from whom. `tell` must not throw. */
export function watchPeers(peers: PeerClient, tell: (event: PeerEvent) => void): PeerClient {
  async function* fetch<Item extends FetchRequestItem>(
    peer: PeerAddress,
    items: readonly Item[],
    options?: { signal?: AbortSignal },
  ): AsyncGenerator<FetchedSliver<Item> & FetchRequestItem> {
    const [first] = items
    if (first === undefined) return
    const of = { peerId: peer.peerId, blobId: first.blobId }
    let problem: string | undefined = 'left'
    tell({ ...of, kind: 'asked', slivers: items.length })
    try {
      for await (const answer of peers.fetch(peer, items, options)) {
        tell({ ...of, kind: 'answered', bytes: answer.bytes?.length ?? 0 })
        yield answer
      }
      problem = undefined
    } catch (error) {
      problem = error instanceof ProtocolError ? error.code : 'left'
      throw error
    } finally {
      tell({ ...of, kind: 'over', problem })
    }
  }
  return { ...peers, fetch }
}
