import type { Clock } from '../../../base/clock.ts'
import { Notify } from '../../../base/notify.ts'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import { type CodecChecks, isQuorum, isValidity, quorumWeight } from '../../../codec/index.ts'
import type { BlobId, BlobMetadata } from '../../../codec/types.ts'
import { type PeerClient, peerDeadline } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { Accuse } from '../accuse.ts'
import { Answers } from '../answers.ts'
import { ClientError } from '../errors.ts'
import { endOf, notThere, type Vote } from '../network-status.ts'
import type { MetadataCache } from './metadata-cache.ts'
import type { Owners } from './owners.ts'

export interface FindMetadataComponents {
  codec: Pick<CodecChecks, 'isMetadata'>
  peers: Pick<PeerClient, 'metadata' | 'blobStatus'>
  book: PeerBook
  accuse: Accuse
  clock: Clock
  cache?: MetadataCache
}

export interface FindMetadataOptions {
  signal?: AbortSignal | undefined
  /** Told when the peer that had it was asked, by the monotonic clock; not where it was known. */
  onFound?: (askedAt: number) => void
}

/** As many more peers are asked as were before, each time this passes without an answer, or enough bytes of one. */
const HEDGE_MS = 200
/** While bytes come, all share this side's line: one more is asked each time this many of those have passed. */
const FLOWING_HEDGES = 10
/** no answer at all within this, and there will be none */
const TIMEOUT_MS = 12_000
/** of the metadata, for each shard */
const SHARD_BYTES = 2 * 32
/** Enough bytes are what brings all of them in half of the time. */
const flowBytes = (nShards: number): number => (nShards * SHARD_BYTES * HEDGE_MS * 2) / TIMEOUT_MS

/**
 * The metadata of a blob, checked against its ID: one peer is asked, then more as they fail, and twice as many each time they lag and hardly a byte comes. As soon as a peer
 * does not have it, everyone is asked. Throws BLOB_NOT_FOUND when 2f+1 of the shard weight knows of no certified blob, or
 * BLOB_ENDED when f+1 of it has had one, BLOB_INVALID when f+1 says so, TOO_FEW_SHARDS otherwise.
 */
export async function findMetadata(
  { codec, peers, book, accuse, clock, cache }: FindMetadataComponents,
  { committee, order }: Owners,
  blobId: BlobId,
  { signal, onFound }: FindMetadataOptions = {},
): Promise<BlobMetadata> {
  const cached = cache?.get(blobId)
  if (cached !== undefined) return cached
  const { nShards } = committee
  const done = new AbortController()
  using limit = peerDeadline(clock, TIMEOUT_MS, signal, done.signal)
  const asking = limit.signal
  const queue = [...order]
  // what those say who are not in office any more counts for nothing; metadata speaks for itself
  const weights = new Map(committee.members.map(({ nodeId, shards }) => [nodeId, shards.length]))
  const news = new Notify()
  let found: BlobMetadata | undefined
  let everyone = false
  let running = 0
  let heardBytes = 0
  let flowing = 0
  const weight = { answered: 0, unknown: 0, invalid: 0 }
  const votes: Vote[] = []
  const answers = new Answers()

  async function ask(member: CommitteeMember): Promise<void> {
    const peer = book.address(member)
    answers.asked(member)
    const start = clock.monotonic()
    const metadata = await peers.metadata(peer, blobId, { signal: asking, onBytes })
    book.answered(member, clock.monotonic() - start)
    if (metadata !== undefined) {
      if (!(await isRight(metadata))) {
        answers.wrong(member)
        accuse(member, 'metadata', { blobId })
        return
      }
      if (found === undefined) onFound?.(start)
      found ??= metadata
      return
    }
    answers.lacked(member)
    everyone = true
    news.notify()
    const status = await peers.blobStatus(peer, blobId, { signal: asking })
    const its = weights.get(member.nodeId) ?? 0
    weight.answered += its
    votes.push({ status, weight: its })
    if (status.kind === 'invalid') weight.invalid += its
    else if (status.kind !== 'known' || !status.certified) weight.unknown += its
  }

  async function isRight(metadata: BlobMetadata): Promise<boolean> {
    return metadata.blobId === blobId && metadata.nShards === nShards && (await codec.isMetadata(metadata))
  }

  function onBytes(bytes: number): void {
    heardBytes += bytes
  }

  function lagging(): number {
    flowing = heardBytes < flowBytes(nShards) ? 0 : flowing + 1
    heardBytes = 0
    if (flowing === 0) return Math.max(1, running)
    return flowing % FLOWING_HEDGES === 0 ? 1 : 0
  }

  function start(): void {
    const member = queue.shift()
    if (member === undefined) return
    running++
    ask(member)
      .catch(error => {
        if (asking.aborted) return
        answers.failed(member, error)
        book.failed(member)
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
        throw notThere(
          { blobId, answeredShards: weight.answered, neededShards: quorumWeight(nShards) },
          endOf(votes, nShards),
        )
      }
      if (everyone) while (queue.length > 0) start()
      if (running === 0) start()
      if (running === 0) throw tooFew()
      const hedge = clock.after(HEDGE_MS, () => {
        for (let more = lagging(); more > 0; more--) start()
        news.notify()
      })
      try {
        await news.wait(asking)
      } catch (error) {
        signal?.throwIfAborted()
        throw asking.aborted ? tooFew() : error
      } finally {
        hedge.stop()
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
      `nodes with ${weight.answered} of ${nShards} shards answered, none with the blob's metadata; ${quorumWeight(nShards)} are needed to tell that there is no such blob${answers.tell()}`,
      {
        blobId,
        answeredShards: weight.answered,
        neededShards: quorumWeight(nShards),
        nodes: answers.list(),
      },
    )
  }
}
