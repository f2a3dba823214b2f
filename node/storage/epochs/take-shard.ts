import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { anySignal } from '../../../base/wait.ts'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import { type Codec, sliverLength } from '../../../codec/index.ts'
import type { BlobId, BlobMetadata, Epoch, ShardIndex } from '../../../codec/types.ts'
import { type PeerClient, ProtocolError, type SyncedBlob } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { BlobLock } from '../blob-lock.ts'
import type { Budget, Grant, Urgency } from '../budget.ts'
import { sliversOfShard } from '../recovery/missing.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { NewSliver, ShardedSliverStore } from '../store/shard-slivers.ts'
import { Patience } from './patience.ts'
import { isOwed } from './whole.ts'

export interface TakeShardComponents {
  nShards: number
  peers: Pick<PeerClient, 'shardPage'>
  book: Pick<PeerBook, 'address'>
  codec: Pick<Codec, 'verifySlivers' | 'isMetadata'>
  slivers: Pick<ShardedSliverStore, 'putMany'>
  metadata: Pick<MetadataStore, 'get' | 'put'>
  blobs: Pick<BlobRecords, 'get' | 'getMany'>
  lock: Pick<BlobLock, 'enter'>
  budget: Budget
  /** Throws DiskError while there is none for that. */
  expectRoom: (bytes: number) => Promise<void>
  /** Somebody sent what the metadata refutes. */
  accuse: (member: CommitteeMember, what: string, details: object) => void
  clock: Clock
  log: Log
}

export interface TakeShardInput {
  shard: ShardIndex
  /** who has it so far */
  source: CommitteeMember
  /** The same as the chain has it by now: keys and addresses change. Undefined when it cannot be told. */
  findSource: () => Promise<CommitteeMember | undefined>
  /** in which this node has it; a later one as soon as that has begun */
  epoch: () => Epoch
  /** Whether it is due by now, or will be. */
  urgency: () => Urgency
  /** blobs up to this one were asked for already */
  after: BlobId | undefined
  /** Called, and awaited, when everything up to a blob that the source sent is durable. */
  onPage: (cursor: BlobId) => Promise<void>
  signal: AbortSignal
}

/** A page's blobs and bytes: enough to share syncs, little enough to hold. */
const PAGE_BLOBS = 1_000
const PAGE_BYTES = 16 * 1024 * 1024
/** What a page may come to with its last blob. One whose pair of slivers is larger, 66 MB at most, has a page of its own. */
const HELD_BYTES = 24 * 1024 * 1024
const PAUSE_MS = 500
/** So many bytes of slivers are verified at a time, by all threads at once: 10 ms or so, and then readers have their turn. */
const VERIFIED_BYTES = 1024 * 1024

/** What may pass: the source is busy, or not as far as this node. */
const PASSING: ReadonlySet<string> = new Set([
  'BUSY',
  'STOPPING',
  'EPOCH_BEHIND',
  'EPOCH_AHEAD',
  'CONNECTION_LOST',
  'PATH_LOST',
  'TRUNCATED',
  'UNREACHABLE',
  'TIMEOUT',
  'INTERNAL',
])

/**
 * Takes over a shard from the node that has it so far, page by page, each blob checked against its metadata. Resolves with
 * true once the source has said that there is no more, with false when it is given up: what is missing is found by
 * comparison with the node's own list either way. Rejects with the signal's reason.
 */
export async function takeShard(components: TakeShardComponents, input: TakeShardInput): Promise<boolean> {
  const { clock, log } = components
  const { shard, findSource, signal } = input
  let { source } = input
  const patience = new Patience(clock)
  let cursor = input.after
  // 64 bytes a shard of the network for each blob: asked for only where it is lacking
  let withMetadata = false
  let roomBytes = HELD_BYTES
  for (;;) {
    let pauseMs = PAUSE_MS
    try {
      const page = await takePage(
        components,
        { ...input, source },
        { after: cursor, withMetadata, roomBytes, patience },
        at => {
          cursor = at
        },
      )
      if (page.whole) return true
      roomBytes = page.wantsBytes ?? HELD_BYTES
      withMetadata = page.lacksMetadata
      if (page.blobs > 0 || page.isCut) pauseMs = 0
    } catch (error) {
      signal.throwIfAborted()
      // of this side, as of its disk
      if (!(error instanceof ProtocolError)) throw error
      if (!PASSING.has(error.code)) {
        if (error.blame && !error.remote) components.accuse(source, 'shard page', { shard, err: error })
        log.warn({ shard, source: source.nodeId, err: error }, 'the source of a shard is given up')
        return false
      }
      log.debug({ shard, source: source.nodeId, err: error }, 'a page of a shard was not taken over')
      source = (await findSource()) ?? source
      pauseMs = Math.max(PAUSE_MS, error.retryAfterMs ?? 0)
    }
    if (patience.leftMs === 0) {
      log.warn({ shard, source: source.nodeId }, 'the source of a shard is silent, or slow, and given up')
      return false
    }
    // a page without a blob is not the end, but no progress either
    if (pauseMs > 0) await clock.sleep(Math.min(pauseMs, patience.leftMs), signal)
  }
}

interface PageOptions {
  after: BlobId | undefined
  withMetadata: boolean
  /** what may be held of it */
  roomBytes: number
  patience: Patience
}

async function takePage(
  components: TakeShardComponents,
  input: TakeShardInput,
  options: PageOptions,
  onProgress: (cursor: BlobId) => void,
): Promise<PageIntake> {
  const { budget, expectRoom } = components
  const { urgency, signal } = input
  const { roomBytes, patience } = options
  // nothing is sent in vain
  await expectRoom(roomBytes)
  const waits = patience.pause()
  // before the page is asked for: a source does not wait for long
  return await budget
    .within(urgency(), roomBytes, signal, grant => {
      waits.end()
      return takePageNow(components, input, options, grant, onProgress)
    })
    .finally(waits.end)
}

async function takePageNow(
  components: TakeShardComponents,
  input: TakeShardInput,
  options: PageOptions,
  grant: Grant,
  onProgress: (cursor: BlobId) => void,
): Promise<PageIntake> {
  const { peers, book, codec } = components
  const { shard, source, epoch, onPage, signal } = input
  const { after, withMetadata, patience } = options
  const intake = new PageIntake({ ...components, codec: grant.timing(codec) }, input, options)
  const late = new AbortController()
  const watch = patience.watch(() => late.abort(new ProtocolError('TIMEOUT')))
  const query = { epoch: epoch(), shard, after, maxBlobs: PAGE_BLOBS, maxBytes: PAGE_BYTES }
  const pages = peers.shardPage(
    book.address(source),
    { ...query, metadata: withMetadata },
    {
      signal: anySignal(signal, late.signal),
      lengths: (blobId, sent) => intake.lengths(blobId, sent),
    },
  )
  try {
    const failure = await intake.drain(pages)
    await patience.without(async () => {
      await intake.keep()
      if (intake.complete === undefined) return
      await onPage(intake.complete)
      onProgress(intake.complete)
    })
    if (failure !== undefined) throw failure
    return intake
  } finally {
    watch.stop()
    intake.leave()
    grant.spent({ bytes: intake.arrivedBytes })
  }
}

/** What comes of one page, in memory until it is checked and stored. */
class PageIntake {
  whole = false
  blobs = 0
  /** it ended before a blob whose metadata is neither here nor was asked for, or brought such metadata */
  lacksMetadata = false
  /** it was ended before a blob for want of its metadata, or of room: the next one begins with that */
  isCut = false
  /** so much for its first blob alone */
  wantsBytes: number | undefined
  /** the last blob of which everything has come */
  complete: BlobId | undefined
  readonly #components: TakeShardComponents
  readonly #input: TakeShardInput
  readonly #withMetadata: boolean
  readonly #roomBytes: number
  readonly #patience: Patience
  readonly #entered: (() => void)[] = []
  readonly #arrived: Arrived[] = []
  /** the blob under way, and its metadata where it is wanted */
  #last: BlobId | undefined
  #metadata: BlobMetadata | undefined
  #held = 0

  constructor(
    components: TakeShardComponents,
    input: TakeShardInput,
    { withMetadata, roomBytes, patience }: Omit<PageOptions, 'after'>,
  ) {
    this.#components = components
    this.#input = input
    this.#withMetadata = withMetadata
    this.#roomBytes = roomBytes
    this.#patience = patience
  }

  async lengths(
    blobId: BlobId,
    sent: BlobMetadata | undefined,
  ): Promise<Record<'primary' | 'secondary', number> | undefined> {
    const { blobs, metadata, lock, nShards, budget } = this.#components
    this.complete = this.#last
    this.#metadata = undefined
    await this.#patience.without(() => budget.breathe(this.#input.signal))
    const [state, own] = await Promise.all([blobs.get(blobId), metadata.get(blobId)])
    if (isOwed(state, this.#input.epoch())) {
      this.lacksMetadata ||= own === undefined
      if (own === undefined && !this.#withMetadata) throw new PageCut()
      this.#metadata = own ?? (await takeMetadata(this.#components, this.#input.source, sent))
    }
    if (this.#metadata === undefined) {
      this.#last = blobId
      this.blobs++
      // IDs without end can be made up, but not blobs
      if (state !== undefined) this.#patience.earn(blobId, 0)
      return undefined
    }
    const { unencodedLength } = this.#metadata
    const primary = sliverLength(nShards, unencodedLength, 'primary')
    const secondary = sliverLength(nShards, unencodedLength, 'secondary')
    this.#hold(primary + secondary)
    this.#last = blobId
    this.blobs++
    this.#entered.push(await lock.enter(blobId))
    this.#patience.earn(blobId, primary + secondary)
    return { primary, secondary }
  }

  /** What comes is in memory until the page is over. */
  #hold(bytes: number): void {
    if (this.#held >= PAGE_BYTES) throw new ProtocolError('VIOLATION')
    if (this.#held + bytes > this.#roomBytes) {
      if (this.#held === 0) this.wantsBytes = bytes
      throw new PageCut()
    }
    this.#held += bytes
  }

  /** Takes the page in; what has come of one that breaks off counts. Returns why it did. */
  async drain(pages: AsyncGenerator<SyncedBlob, { whole: boolean }>): Promise<unknown> {
    const { shard } = this.#input
    try {
      let next = await pages.next()
      for (; !next.done; next = await pages.next()) {
        const { blobId } = next.value
        for (const ref of sliversOfShard(shard, blobId, this.#components.nShards)) {
          const bytes = next.value[ref.axis]
          if (bytes !== undefined) this.#arrived.push({ blobId, ref, bytes, metadata: this.#metadata! })
        }
      }
      this.complete = this.#last
      this.whole = next.value.whole
    } catch (error) {
      if (!(error instanceof PageCut)) return error ?? new ProtocolError('CLOSED')
      this.isCut = true
    }
    return undefined
  }

  /** Stores what is right of it. */
  async keep(): Promise<void> {
    const { slivers, blobs } = this.#components
    const { source, epoch, signal } = this.#input
    const right = await rightOnes(this.#components, source, this.#arrived, signal)
    // a blob may have ended while its slivers travelled
    const states = await blobs.getMany(right.map(({ blobId }) => blobId))
    await slivers.putMany(
      right.filter((_, i) => isOwed(states[i], epoch())),
      { signal },
    )
  }

  get arrivedBytes(): number {
    return this.#arrived.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  leave(): void {
    for (const leave of this.#entered) leave()
  }
}

class PageCut extends Error {}

/** What was sent as a blob's metadata, once it is stored; undefined when there is none, or it is wrong. */
async function takeMetadata(
  { codec, metadata: store, accuse, nShards }: TakeShardComponents,
  source: CommitteeMember,
  sent: BlobMetadata | undefined,
): Promise<BlobMetadata | undefined> {
  if (sent === undefined) return undefined
  if (sent.nShards !== nShards || !(await codec.isMetadata(sent))) {
    accuse(source, 'metadata', { blobId: sent.blobId })
    return undefined
  }
  // the slivers come after it, and are durable before anything is told of them
  await store.put(sent, { sync: false })
  return sent
}

interface Arrived extends NewSliver {
  metadata: BlobMetadata
}

/** Those of the slivers that are as the metadata says. */
async function rightOnes(
  { codec, accuse, budget }: TakeShardComponents,
  source: CommitteeMember,
  arrived: readonly Arrived[],
  signal: AbortSignal,
): Promise<Arrived[]> {
  const right: Arrived[] = []
  for (const part of partsOf(arrived, VERIFIED_BYTES)) {
    await budget.breathe(signal)
    const errors = await codec.verifySlivers(part, { signal })
    for (const [i, sliver] of part.entries()) {
      const { blobId, ref } = sliver
      const error = errors[i]
      if (error === undefined) right.push(sliver)
      else accuse(source, 'sliver', { blobId, ...ref, err: error })
    }
  }
  return right
}

/** In their order, each of so many bytes at least but for the last one. */
function* partsOf(slivers: readonly Arrived[], partBytes: number): Generator<Arrived[]> {
  let part: Arrived[] = []
  let bytes = 0
  for (const sliver of slivers) {
    part.push(sliver)
    bytes += sliver.bytes.length
    if (bytes < partBytes) continue
    yield part
    part = []
    bytes = 0
  }
  if (part.length > 0) yield part
}
