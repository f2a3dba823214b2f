import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { LruMap } from '../../../base/lru-map.ts'
import { Notify } from '../../../base/notify.ts'
import type { CommitteeMember, NodeOperator } from '../../../chain/types/index.ts'
import { type Bls, invalidBlobMessage } from '../../../codec/index.ts'
import type { BlobId, Certificate, Confirmation, ObjectId } from '../../../codec/types.ts'
import { type Accusation, type PeerClient, ProtocolError } from '../../../protocols/index.ts'
import { type CommitteeTracker, memberOf } from '../../network/committees.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { collectValidity } from '../collect-validity.ts'
import type { ConfirmationSigner } from '../custody/signer.ts'
import { isOwed } from '../epochs/whole.ts'
import type { BlobRecords } from '../store/blob-records.ts'

export interface InconsistenciesComponents {
  nodeId: ObjectId
  committees: Pick<CommitteeTracker, 'get'>
  blobs: Pick<BlobRecords, 'get'>
  peers: Pick<PeerClient, 'proveInconsistent'>
  book: Pick<PeerBook, 'address' | 'failed' | 'ranked'>
  bls: Bls
  signer: Pick<ConfirmationSigner, 'attestInvalid'>
  /** of the node's wallet; without one others are left to tell the chain */
  operator: Pick<NodeOperator, 'invalidateBlobId'> | undefined
  /** blobs that this node has seen to have been encoded wrongly */
  wrong: LruMap<BlobId, true>
  accuse: (member: CommitteeMember, what: string, details: object) => void
  clock: Clock
  random: () => number
  log: Log
}

/** Tells the network of blobs that were encoded wrongly, until the chain says so. */
export interface Inconsistencies {
  /** Whether the blob is known here to have been encoded wrongly: nobody can rebuild it. */
  knows(blobId: BlobId): boolean
  /** A proof, which was checked. One that there is no room for is forgotten, and found again. */
  found(accusation: Accusation): void
  /** The chain says that it is invalid. */
  told(blobId: BlobId): void
  /** Whether there are such blobs that nobody has told the chain of, and this node cannot. */
  isMute(): boolean
  start(): void
  stop(): Promise<void>
}

/** Proofs that wait for their turn; a larger one is alone. */
const WAITING_BYTES = 64 * 1024 * 1024
const UNTOLD_REMEMBERED = 1_000
/** All nodes that lack something of the blob find out at about the same time, and one of them suffices. */
const JITTER_MS = 3_000
const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 600_000

/** What the chain has not been told yet. */
interface Waiting {
  accusation: Accusation
  attempts: number
  /** when it is its turn, by the monotonic clock */
  dueMs: number
}

export function createInconsistencies(components: InconsistenciesComponents): Inconsistencies {
  const { wrong, operator, clock, random, log } = components
  const waiting = new Map<BlobId, Waiting>()
  /** for want of a wallet */
  const untold = new LruMap<BlobId, true>(UNTOLD_REMEMBERED)
  const news = new Notify()
  const background = new Background(run)

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const [next] = [...waiting.values()].sort((a, b) => a.dueMs - b.dueMs)
      const restMs = (next?.dueMs ?? Number.POSITIVE_INFINITY) - clock.monotonic()
      if (next !== undefined && restMs <= 0) await turn(next, signal)
      else await news.waitWithin(restMs, clock, signal).catch(() => undefined)
    }
  }

  async function turn(one: Waiting, signal: AbortSignal): Promise<void> {
    const { blobId } = one.accusation.metadata
    const pauseMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(one.attempts++, 20))
    const retryMs = Math.round(pauseMs * (1 - random() / 2))
    const isOver = await tell(components, one.accusation, signal).catch(error => {
      if (!signal.aborted)
        log.warn({ err: error, blobId, retryMs }, 'a blob was not invalidated; will try again')
      return false
    })
    if (isOver) waiting.delete(blobId)
    one.dueMs = clock.monotonic() + retryMs
  }

  return {
    knows: blobId => wrong.get(blobId) !== undefined,
    found(accusation) {
      const { blobId } = accusation.metadata
      const bytes = [...waiting.values()].reduce((sum, one) => sum + one.accusation.proof.length, 0)
      if (waiting.size > 0 && bytes + accusation.proof.length > WAITING_BYTES) return
      wrong.set(blobId, true)
      log.error({ blobId }, 'a blob was encoded wrongly: its slivers do not match each other')
      if (operator === undefined) untold.set(blobId, true)
      if (operator === undefined || waiting.has(blobId)) return
      waiting.set(blobId, { accusation, attempts: 0, dueMs: clock.monotonic() + JITTER_MS * random() })
      news.notify()
    },
    told: blobId => void untold.delete(blobId),
    isMute: () => untold.size > 0,
    start: () => background.start(),
    stop: () => background.stop(),
  }
}

/** True when there is nothing more to do: the chain says that the blob is invalid, or that it has ended. */
async function tell(
  components: InconsistenciesComponents,
  accusation: Accusation,
  signal: AbortSignal,
): Promise<boolean> {
  const { operator, committees, blobs, log } = components
  const { blobId } = accusation.metadata
  const isOver = async (): Promise<boolean> =>
    !isOwed(await blobs.get(blobId), (await committees.get({ signal })).epoch)
  if (await isOver()) return true
  const certificate = await certify(components, accusation, signal)
  // somebody may have been first; the chain takes it from both
  if (await isOver()) return true
  if (certificate === undefined) return false
  await operator!.invalidateBlobId(certificate, { signal })
  log.info({ blobId, epoch: certificate.epoch }, 'told the chain that a blob is invalid')
  return true
}

/** What f + 1 of the shards sign for, asked of as few nodes as will do; undefined when fewer do. */
async function certify(
  components: InconsistenciesComponents,
  accusation: Accusation,
  signal: AbortSignal,
): Promise<Certificate | undefined> {
  const { nodeId, committees, signer, accuse } = components
  const { current } = await committees.get({ signal })
  const { blobId } = accusation.metadata
  const body = { epoch: current.epoch, blobId }
  const self = memberOf(current, nodeId)
  return await collectValidity(
    {
      ...components,
      committee: current,
      message: invalidBlobMessage(body),
      signatures:
        self === undefined ? new Map() : new Map([[self.index, signer.attestInvalid(body).signature]]),
      ask: (member, ended) => ask(components, member, accusation, ended),
      liar: member => accuse(member, 'attestation', { blobId }),
    },
    signal,
  )
}

/** Never rejects but by the signal: what one does not sign another one may. */
async function ask(
  { peers, book, log }: InconsistenciesComponents,
  member: CommitteeMember,
  accusation: Accusation,
  signal: AbortSignal,
): Promise<Confirmation | undefined> {
  try {
    return await peers.proveInconsistent(book.address(member), accusation, { signal })
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof ProtocolError)) throw error
    // one that has no room for the proof now is not away
    if (error.code !== 'BUSY') book.failed(member)
    const { blobId } = accusation.metadata
    log.debug({ nodeId: member.nodeId, blobId, err: error }, 'a node did not sign that a blob is invalid')
    return undefined
  }
}
