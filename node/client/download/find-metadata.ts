import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import type { Committee, CommitteeMember } from '../../../chain/types.ts'
import { isMetadata, isQuorum, isValidity, quorumWeight } from '../../../codec/index.ts'
import type { BlobId, BlobMetadata } from '../../../codec/types.ts'
import { deadline, type PeerClient } from '../../../protocols/index.ts'
import type { NodeMetrics } from '../../metrics.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { ClientError } from '../errors.ts'
import type { MetadataCache } from './metadata-cache.ts'

export interface FindMetadataComponents {
  peers: Pick<PeerClient, 'metadata' | 'blobStatus'>
  book: PeerBook
  log: Log
  metrics: Pick<NodeMetrics, 'liar'>
  cache?: MetadataCache
}

/** One more peer is asked each time this passes without an answer. */
const HEDGE_MS = 200
/** no answer at all within this, and there will be none */
const TIMEOUT_MS = 12_000

/**
 * The metadata of a blob, checked against its ID: one peer is asked, then more as they fail or lag. As soon as a peer
 * does not have it, everyone is asked. Throws BLOB_NOT_FOUND when 2f+1 of the shard weight knows of no certified blob,
 * BLOB_INVALID when f+1 says so, TOO_FEW_SHARDS otherwise.
 */
export async function findMetadata(
  { peers, book, log, metrics, cache }: FindMetadataComponents,
  committee: Committee,
  blobId: BlobId,
  { signal, order }: { signal?: AbortSignal | undefined; order?: readonly CommitteeMember[] } = {},
): Promise<BlobMetadata> {
  const cached = cache?.get(blobId)
  if (cached !== undefined) return cached
  const { nShards } = committee
  const done = new AbortController()
  using limit = deadline(TIMEOUT_MS, signal, done.signal)
  const asking = limit.signal
  const queue = [...(order ?? book.ranked(committee.members))]
  const news = new Notify()
  let found: BlobMetadata | undefined
  let everyone = false
  let running = 0
  const weight = { answered: 0, unknown: 0, invalid: 0 }

  async function ask(member: CommitteeMember): Promise<void> {
    const peer = book.address(member)
    const start = performance.now()
    const metadata = await peers.metadata(peer, blobId, { signal: asking })
    book.answered(member, performance.now() - start)
    if (metadata !== undefined) {
      if (!isRight(metadata)) {
        log.warn({ peer: peer.peerId, nodeId: member.nodeId, blobId }, 'peer sent metadata of another blob')
        metrics.liar(member.nodeId, 'metadata')
        book.failed(member)
        return
      }
      found ??= metadata
      return
    }
    everyone = true
    news.notify()
    const status = await peers.blobStatus(peer, blobId, { signal: asking })
    weight.answered += member.shards.length
    if (status.kind === 'invalid') weight.invalid += member.shards.length
    else if (status.kind === 'nonexistent' || !status.certified) weight.unknown += member.shards.length
  }

  function isRight(metadata: BlobMetadata): boolean {
    return metadata.blobId === blobId && metadata.nShards === nShards && isMetadata(metadata)
  }

  function start(): void {
    const member = queue.shift()
    if (member === undefined) return
    running++
    ask(member)
      .catch(() => {
        if (!asking.aborted) book.failed(member)
      })
      .finally(() => {
        running--
        news.notify()
      })
  }

  try {
    start()
    while (found === undefined) {
      if (isValidity(weight.invalid, nShards)) {
        throw new ClientError('BLOB_INVALID', `the network has found blob ${blobId} to be invalid`, {
          blobId,
        })
      }
      if (isQuorum(weight.unknown, nShards)) {
        throw new ClientError('BLOB_NOT_FOUND', `no blob ${blobId} is certified on this network`, {
          blobId,
          answeredShards: weight.answered,
          neededShards: quorumWeight(nShards),
        })
      }
      if (everyone) while (queue.length > 0) start()
      if (running === 0) start()
      if (running === 0) throw tooFew()
      const timer = setTimeout(() => {
        start()
        news.notify()
      }, HEDGE_MS)
      try {
        await news.wait(asking)
      } catch (error) {
        signal?.throwIfAborted()
        throw asking.aborted ? tooFew() : error
      } finally {
        clearTimeout(timer)
      }
    }
    cache?.put(found)
    return found
  } finally {
    done.abort(new DOMException('the metadata is known', 'AbortError'))
  }

  function tooFew(): ClientError {
    return new ClientError(
      'TOO_FEW_SHARDS',
      `nodes with ${weight.answered} of ${nShards} shards answered, none with the blob's metadata; ${quorumWeight(nShards)} are needed to tell that there is no such blob`,
      { blobId, answeredShards: weight.answered, neededShards: quorumWeight(nShards) },
    )
  }
}
