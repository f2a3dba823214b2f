import { Countdown } from '../../base/deadline.ts'
import { anySignal } from '../../base/wait.ts'
import type { Committee, CommitteeMember } from '../../chain/types.ts'
import { isQuorum, isValidity, quorumWeight } from '../../codec/index.ts'
import type { BlobId } from '../../codec/types.ts'
import { deadline, type PeerClient } from '../../protocols/index.ts'
import type { BlobStatus } from '../../protocols/ports.ts'
import type { PeerBook } from '../network/peer-book.ts'
import { ClientError } from './errors.ts'
import type { NetworkBlobStatus } from './types.ts'

export interface NetworkStatusComponents {
  peers: Pick<PeerClient, 'blobStatus'>
  book: PeerBook
}

type Known = Extract<BlobStatus, { kind: 'known' }>

interface Vote {
  status: BlobStatus
  weight: number
}

/** How many nodes are asked whether a blob is new, and for how long. */
const GLANCE_NODES = 2
const GLANCE_MS = 1_000
/** How much longer than the first the others may take: an upload waits for them. */
const GLANCE_GRACE_MS = 100

/**
 * Whether a blob seems to be new, by the word of two nodes: cheap, and good enough where being wrong only means paying
 * for what is stored already. The first of `members` are asked. False when nobody answers.
 */
export async function seemsNew(
  { peers, book }: NetworkStatusComponents,
  members: readonly CommitteeMember[],
  blobId: BlobId,
  { signal }: { signal?: AbortSignal } = {},
): Promise<boolean> {
  const enough = new AbortController()
  const stop = () => enough.abort(new DOMException('nobody else is waited for', 'AbortError'))
  const late = new Countdown(GLANCE_MS, stop)
  let grace: Countdown | undefined
  const brief = anySignal(signal, enough.signal)
  const told: BlobStatus[] = []
  try {
    await Promise.all(
      members.slice(0, GLANCE_NODES).map(async member => {
        try {
          told.push(await peers.blobStatus(book.address(member), blobId, { signal: brief }))
          grace ??= new Countdown(GLANCE_GRACE_MS, stop)
        } catch {
          // who does not answer is not counted
        }
      }),
    )
  } finally {
    late.stop()
    grace?.stop()
  }
  signal?.throwIfAborted()
  return told.length > 0 && told.every(({ kind }) => kind === 'nonexistent')
}

/** A node that is silent for this long does not vote. */
const TIMEOUT_MS = 8_000

/**
 * What the network says about a blob. One node's word is worth nothing: a positive answer needs f+1 of the shard weight
 * to say the same (one honest node among them), "nonexistent" needs 2f+1. Throws TOO_FEW_SHARDS when neither is reached.
 */
export async function networkStatus(
  { peers, book }: NetworkStatusComponents,
  committee: Committee,
  blobId: BlobId,
  { signal }: { signal?: AbortSignal } = {},
): Promise<NetworkBlobStatus> {
  const { nShards } = committee
  const enough = new AbortController()
  const votes: Vote[] = []
  using limit = deadline(TIMEOUT_MS, signal, enough.signal)
  let decided: NetworkBlobStatus | undefined

  async function ask(member: CommitteeMember): Promise<void> {
    const start = performance.now()
    try {
      const status = await peers.blobStatus(book.address(member), blobId, { signal: limit.signal })
      book.answered(member, performance.now() - start)
      votes.push({ status, weight: member.shards.length })
    } catch {
      if (!enough.signal.aborted && !signal?.aborted) book.failed(member)
      return
    }
    decided ??= decide(blobId, votes, nShards)
    if (decided !== undefined) enough.abort(new DOMException('enough answers', 'AbortError'))
  }
  await Promise.all(committee.members.map(ask))
  signal?.throwIfAborted()
  if (decided !== undefined) return decided
  const answeredShards = weightOf(votes)
  const neededShards = quorumWeight(nShards)
  throw new ClientError(
    'TOO_FEW_SHARDS',
    `nodes with ${answeredShards} of ${nShards} shards told the blob's status; ${neededShards} must agree`,
    { blobId, answeredShards, neededShards },
  )
}

function decide(blobId: BlobId, votes: readonly Vote[], nShards: number): NetworkBlobStatus | undefined {
  const answered = { blobId, answeredShards: weightOf(votes), nShards }
  const of = (kind: BlobStatus['kind']) => votes.filter(({ status }) => status.kind === kind)
  if (isValidity(weightOf(of('invalid')), nShards)) return { ...answered, status: 'invalid' }
  const groups = new Map<string, Vote[]>()
  for (const vote of of('known')) {
    const { event: _, ...said } = vote.status as Known
    const key = JSON.stringify(said, Object.keys(said).sort())
    groups.set(key, [...(groups.get(key) ?? []), vote])
  }
  for (const group of groups.values()) {
    const { status } = group[0]!
    if (status.kind !== 'known' || !isValidity(weightOf(group), nShards)) continue
    const { certified, kind: _, event: __, ...rest } = status
    // nodes that lag behind the chain say less than there is: hear a quorum before believing them
    if (!certified && !isQuorum(weightOf(votes), nShards)) continue
    const event = eventOf(group, nShards)
    return { ...answered, ...rest, ...(event && { event }), status: certified ? 'certified' : 'registered' }
  }
  if (isQuorum(weightOf(of('nonexistent')), nShards)) return { ...answered, status: 'nonexistent' }
  return undefined
}

/** Records of earlier versions lack it, and nodes may be an event apart: what f+1 of the weight say is right. */
function eventOf(group: readonly Vote[], nShards: number): NetworkBlobStatus['event'] {
  const weights = new Map<string, number>()
  for (const { status, weight } of group) {
    const { event } = status as Known
    if (event === undefined) continue
    const key = `${event.txDigest} ${event.eventSeq}`
    const sum = (weights.get(key) ?? 0) + weight
    if (isValidity(sum, nShards)) return { txDigest: event.txDigest, eventSeq: String(event.eventSeq) }
    weights.set(key, sum)
  }
  return undefined
}

function weightOf(votes: readonly Vote[]): number {
  return votes.reduce((sum, { weight }) => sum + weight, 0)
}
