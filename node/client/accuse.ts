import type { Log } from '../../base/log.ts'
import type { CommitteeMember } from '../../chain/types/index.ts'
import type { BlobId } from '../../codec/types.ts'
import type { NodeMetrics } from '../metrics.ts'
import type { PeerBook } from '../network/peer-book.ts'

/** What a peer sent that is proved to be wrong. */
export type Lie = 'sliver' | 'metadata' | 'confirmation'

/** `about` is for the log: the blob, and how it was found out. */
export type Accuse = (
  member: CommitteeMember,
  what: Lie,
  about: { blobId: BlobId; [field: string]: unknown },
) => void

/** A peer that is proved to have lied is named in the log, counted, and asked last from then on. */
export function createAccuse({
  book,
  log,
  metrics,
}: {
  book: PeerBook
  log: Log
  metrics: Pick<NodeMetrics, 'liar'>
}): Accuse {
  return (member, what, about) => {
    const { nodeId, name } = member
    log.warn({ peer: book.address(member).peerId, nodeId, name, ...about }, `peer sent a wrong ${what}`)
    metrics.liar(nodeId, what)
    book.failed(member)
  }
}
