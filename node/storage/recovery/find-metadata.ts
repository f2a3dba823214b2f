import type { CommitteeMember, Committees } from '../../../chain/types/index.ts'
import type { CodecChecks } from '../../../codec/index.ts'
import type { BlobId, BlobMetadata, ObjectId } from '../../../codec/types.ts'
import { type PeerClient, ProtocolError } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import { othersIn } from './recovery.ts'

export interface MetadataFinderComponents {
  nodeId: ObjectId
  nShards: number
  codec: Pick<CodecChecks, 'isMetadata'>
  peers: Pick<PeerClient, 'metadata'>
  book: Pick<PeerBook, 'address' | 'ranked' | 'failed'>
  metadata: Pick<MetadataStore, 'put'>
  accuse: (member: CommitteeMember, what: string, details: object) => void
}

/** Peers that are asked for the metadata of a blob, one after the other: a certified blob is known to two thirds of the weight. */
const ASKED = 12

/** Finds the metadata of blobs at peers, checks it against the blob ID and stores it. */
export function createMetadataFinder({
  nodeId,
  nShards,
  codec,
  peers,
  book,
  metadata: store,
  accuse,
}: MetadataFinderComponents) {
  return async (
    blobId: BlobId,
    committees: Committees,
    signal: AbortSignal,
  ): Promise<BlobMetadata | undefined> => {
    for (const member of book.ranked(othersIn(committees, nodeId)).slice(0, ASKED)) {
      try {
        const found = await peers.metadata(book.address(member), blobId, { signal })
        if (found === undefined) continue
        if (found.nShards !== nShards || !(await codec.isMetadata(found))) {
          accuse(member, 'metadata', { blobId })
          continue
        }
        await store.put(found)
        return found
      } catch (error) {
        signal.throwIfAborted()
        // what fails on this side, as a full disk, is nobody else's
        if (!(error instanceof ProtocolError)) throw error
        // it may be away: the next one is asked
        book.failed(member)
      }
    }
    return undefined
  }
}
