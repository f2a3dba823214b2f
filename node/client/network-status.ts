import type { Clock } from '../../base/clock.ts'
import type { Countdown } from '../../base/deadline.ts'
import { anySignal } from '../../base/wait.ts'
import type { Committee, CommitteeMember } from '../../chain/types/index.ts'
import { isQuorum, isValidity, quorumWeight } from '../../codec/index.ts'
import type { BlobId, Epoch } from '../../codec/types.ts'
import { type PeerClient, peerDeadline } from '../../protocols/index.ts'
import type { BlobStatus } from '../../protocols/ports.ts'
import type { PeerBook } from '../network/peer-book.ts'
import { Answers } from './answers.ts'
import { ClientError } from './errors.ts'
import { isRelayed } from './relayed.ts'
import type { NetworkBlobStatus } from './types.ts'

export interface NetworkStatusComponents {
  peers: Pick<PeerClient, 'blobStatus'>
  book: PeerBook
  clock: Clock
}

type Known = Extract<BlobStatus, { kind: 'known' }>

/** What a node said, and how many shards it has. */
export interface Vote {
  status: BlobStatus
  weight: number
}

/** How many nodes are asked whether a blob is new, and for how long; when all of them are behind relays. */
const GLANCE_NODES = 2
const GLANCE_MS = 1_000
const RELAYED_GLANCE_MS = 2_000
/** How much longer than the first the others may take: an upload waits for them. */
const GLANCE_GRACE_MS = 100

/**
 * Whether a blob seems to be new, by the word of two nodes: cheap, and good enough where being wrong only means paying
 * for what is stored already. The first of `members` are asked. False when nobody answers.
 */
export async function seemsNew(
  { peers, book, clock }: NetworkStatusComponents,
  members: readonly CommitteeMember[],
  blobId: BlobId,
  { signal }: { signal?: AbortSignal } = {},
): Promise<boolean> {
  const enough = new AbortController()
  const stop = () => enough.abort(new DOMException('nobody else is waited for', 'AbortError'))
  const asked = members.slice(0, GLANCE_NODES).map(member => book.address(member))
  const late = clock.countdown(asked.every(isRelayed) ? RELAYED_GLANCE_MS : GLANCE_MS, stop)
  let grace: Countdown | undefined
  const brief = anySignal(signal, enough.signal)
  const told: BlobStatus[] = []
  try {
    await Promise.all(
      asked.map(async peer => {
        try {
          told.push(await peers.blobStatus(peer, blobId, { signal: brief }))
          grace ??= clock.countdown(GLANCE_GRACE_MS, stop)
        } catch {
          // a node that does not answer is not counted
        }
      }),
    )
  } finally {
    late.stop()
    grace?.stop()
  }
  signal?.throwIfAborted()
  return told.length > 0 && told.every(({ kind }) => kind === 'nonexistent' || kind === 'ended')
}

/** A node that is silent for this long does not vote. */
const TIMEOUT_MS = 8_000

/**
 * What the network says about a blob. One node's word is worth nothing: a positive answer needs f+1 of the shard weight
 * to say the same (one honest node among them), "nonexistent" needs 2f+1, "ended" f+1 of such. Throws TOO_FEW_SHARDS when
 * neither is reached.
 */
export async function networkStatus(
  { peers, book, clock }: NetworkStatusComponents,
  committee: Committee,
  blobId: BlobId,
  { signal }: { signal?: AbortSignal } = {},
): Promise<NetworkBlobStatus> {
  const { nShards } = committee
  const enough = new AbortController()
  const votes: Vote[] = []
  using limit = peerDeadline(clock, TIMEOUT_MS, signal, enough.signal)
  let decided: NetworkBlobStatus | undefined
  const answers = new Answers()

  async function ask(member: CommitteeMember): Promise<void> {
    answers.asked(member)
    const start = clock.monotonic()
    try {
      const status = await peers.blobStatus(book.address(member), blobId, { signal: limit.signal })
      book.answered(member, clock.monotonic() - start)
      votes.push({ status, weight: member.shards.length })
      answers.gave(member)
    } catch (error) {
      answers.failed(member, error)
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
    `nodes with ${answeredShards} of ${nShards} shards told the blob's status; ${neededShards} must agree${answers.tell()}`,
    { blobId, answeredShards, neededShards, nodes: answers.list() },
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
    // who is told that a permanent blob is there already is told by which event: nodes may be one apart for a moment
    if (event === undefined && rest.deletable === false && !isQuorum(weightOf(votes), nShards)) continue
    return {
      ...answered,
      ...rest,
      event,
      status: certified ? 'certified' : 'registered',
    }
  }
  if (!isQuorum(weightOf(of('nonexistent')) + weightOf(of('ended')), nShards)) return undefined
  const endEpoch = endOf(votes, nShards)
  return endEpoch === undefined
    ? { ...answered, status: 'nonexistent' }
    : { ...answered, status: 'ended', endEpoch }
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

/** BLOB_NOT_FOUND, or BLOB_ENDED of a blob that was stored until an epoch. */
export function notThere(
  details: { blobId: BlobId; answeredShards: number; neededShards: number },
  endEpoch: Epoch | undefined,
): ClientError {
  const { blobId } = details
  return endEpoch === undefined
    ? new ClientError('BLOB_NOT_FOUND', `no blob ${blobId} is certified on this network`, details)
    : new ClientError('BLOB_ENDED', `blob ${blobId} was stored until epoch ${endEpoch}`, {
        ...details,
        endEpoch,
      })
}

/** Since when f+1 of the weight say that the blob is not stored any more. */
export function endOf(votes: readonly Vote[], nShards: number): Epoch | undefined {
  const weights = new Map<Epoch, number>()
  for (const { status, weight } of votes) {
    if (status.kind !== 'ended') continue
    const sum = (weights.get(status.endEpoch) ?? 0) + weight
    if (isValidity(sum, nShards)) return status.endEpoch
    weights.set(status.endEpoch, sum)
  }
  return undefined
}

function weightOf(votes: readonly Vote[]): number {
  return votes.reduce((sum, { weight }) => sum + weight, 0)
}
