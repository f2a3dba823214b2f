import type { Connection } from '@libp2p/interface'
import { ProtocolError } from '../errors.ts'
import type { AbortOptions } from '../ports.ts'
import type { ClientStream } from '../rpc/client-stream.ts'
import type { PeerAddress } from '../rpc/dial.ts'
import { beginRequest } from '../rpc/request.ts'
import type { Lease, StreamPool } from '../rpc/stream-pool.ts'
import { SPECS } from '../specs.ts'
import { readBody } from '../stream/body.ts'
import { MOVED, watchForBetterPath } from './better-path.ts'
import {
  FetchAnswer,
  type FetchAnswerFields,
  type FetchItem,
  FetchRequest,
  MAX_FETCH_ITEMS,
  rangeBytes,
  type SliverRange,
} from './messages.ts'
import { createResumption } from './resumption.ts'

/** One sliver to be fetched, or the bytes of it from `offset`, `length` of them at most. */
export interface FetchRequestItem extends Omit<FetchItem, keyof SliverRange>, Partial<SliverRange> {
  /** what the metadata allows; a longer sliver is refused before it is buffered. The table's limit when absent. */
  maxBytes?: number
}

/** How slivers are fetched. */
export interface FetchOptions extends AbortOptions {
  /** Told of what came, before whole slivers are there: bytes of slivers, and 0 for what an answer says before them. */
  onBytes?: (bytes: number) => void
}

/** The answer to one item. */
export interface FetchedSliver<Item extends FetchRequestItem> {
  /** the very object that was asked with */
  item: Item
  /**
   * BCS `SliverData` as the node sent it, or what there is of the range; not verified. Undefined when the node does not have
   * the sliver.
   */
  bytes: Uint8Array | undefined
}

const spec = SPECS.fetch

/**
 * Fetches slivers from one node, each as it arrives. The node waits while the consumer does; leaving the loop early
 * resets the stream. Every item is answered exactly once. When the path breaks after the first answer, or a better one
 * opens while 4 MiB or more are lacking, it goes on at the byte where it was. Throws ProtocolError, or the signal's reason.
 */
export async function* fetchSlivers<Item extends FetchRequestItem>(
  pool: StreamPool,
  peer: PeerAddress,
  items: readonly Item[],
  options: FetchOptions = {},
): AsyncGenerator<FetchedSliver<Item>> {
  for (let at = 0; at < items.length; at += MAX_FETCH_ITEMS) {
    yield* fetchBatch(pool, peer, items.slice(at, at + MAX_FETCH_ITEMS), options)
  }
}

/** What has arrived of one item. */
interface Part<Item> extends SliverRange {
  readonly item: Item
  /** bytes of the whole sliver, once the node has told */
  total?: number
  /** of the range, as long as it is there */
  bytes?: Uint8Array
  filled: number
}

async function* fetchBatch<Item extends FetchRequestItem>(
  pool: StreamPool,
  peer: PeerAddress,
  items: readonly Item[],
  options: FetchOptions,
): AsyncGenerator<FetchedSliver<Item>> {
  const { signal } = options
  const open = new Set(
    items.map((item): Part<Item> => {
      const { offset = 0, length = null } = item
      return { item, offset, length, filled: 0 }
    }),
  )
  const resumption = createResumption(pool.clock)
  const trail: Trail = {}
  while (open.size > 0) {
    const before = left(open)
    try {
      yield* fetchOpen(pool, peer, open, options, trail)
    } catch (error) {
      signal?.throwIfAborted()
      if (error === MOVED) continue
      const begun = open.size < items.length || [...open].some(({ total }) => total !== undefined)
      await resumption.after(error, { begun, progressed: left(open) < before, signal })
      // a connection that died in silence still looks open
      trail.avoid = isSilence(error) ? trail.connection : undefined
    }
  }
}

/** The connection of the last request, and the one on which the peer has fallen silent. */
interface Trail {
  connection?: Connection | undefined
  avoid?: Connection | undefined
}

const isSilence = (error: unknown): boolean => error instanceof ProtocolError && error.code === 'TIMEOUT'

/** One request for whatever is lacking. */
async function* fetchOpen<Item extends FetchRequestItem>(
  pool: StreamPool,
  peer: PeerAddress,
  open: Set<Part<Item>>,
  { signal, onBytes }: FetchOptions,
  trail: Trail,
): AsyncGenerator<FetchedSliver<Item>> {
  const asked = [...open]
  using path = watchForBetterPath(pool, () => left(open), signal)
  const limits = { signal: path.signal, timeoutMs: spec.responseTimeoutMs }
  const begin = async (stream: ClientStream): Promise<FetchAnswerFields> => {
    trail.connection = stream.connection
    path.leaving(stream)
    const request = { items: asked.map(restOf) }
    await stream.send(FetchRequest, request, { signal, timeoutMs: spec.chunkTimeoutMs })
    return stream.receive(FetchAnswer, limits)
  }
  const { lease, first } = await beginRequest(pool, peer, signal, begin, trail.avoid)
  let failure: unknown = new ProtocolError('CLOSED')
  let complete = false
  try {
    for (let answer = first; ; answer = await lease.stream.receive(FetchAnswer, limits)) {
      const part = takeAnswer(asked, open, answer)
      onBytes?.(0)
      if (part.bytes !== undefined) await fill(lease, part, { signal: path.signal, onBytes })
      open.delete(part)
      const { item, bytes } = part
      // the consumer's from here on: a request of many slivers holds none that it has given
      delete part.bytes
      if (open.size === 0) {
        // now: a consumer that asked for one need not come back
        complete = true
        lease.release()
      }
      yield { item, bytes }
      if (complete) break
    }
  } catch (error) {
    failure = error
    throw error
  } finally {
    if (!complete) lease.discard(failure)
  }
}

/** What is lacking of an item, as it is asked for. */
function restOf<Item extends FetchRequestItem>({ item, offset, length, filled }: Part<Item>): FetchItem {
  const { blobId, ref } = item
  return { blobId, ref, offset: offset + filled, length: length === null ? null : length - filled }
}

/** The part that an answer is about, with room for its bytes. */
function takeAnswer<Item extends FetchRequestItem>(
  asked: readonly Part<Item>[],
  open: ReadonlySet<Part<Item>>,
  { index, total }: FetchAnswerFields,
): Part<Item> {
  const part = asked[index]
  if (part === undefined || !open.has(part)) throw new ProtocolError('VIOLATION')
  if (total === null) {
    delete part.bytes
    return part
  }
  const limitBytes = part.item.maxBytes ?? spec.maxBodyBytes
  if (total > limitBytes)
    throw new ProtocolError('TOO_LARGE', { details: { limitBytes, actualBytes: total } })
  // of two lengths one was a lie
  if (part.total !== undefined && part.total !== total) throw new ProtocolError('VIOLATION')
  part.total = total
  part.bytes ??= new Uint8Array(rangeBytes(part, total))
  return part
}

async function fill<Item>(
  { stream }: Lease,
  part: Part<Item>,
  { signal, onBytes }: FetchOptions,
): Promise<void> {
  await readBody(stream.channel.reader, part.bytes!.subarray(part.filled), {
    signal,
    timeoutMs: spec.chunkTimeoutMs,
    onBytes,
    filled(bytes) {
      part.filled += bytes
    },
  })
}

/** Bytes that are lacking, as far as it is known how long the slivers are. */
function left<Item extends FetchRequestItem>(open: ReadonlySet<Part<Item>>): number {
  let sum = 0
  for (const part of open) {
    const { item, total = item.maxBytes ?? spec.maxBodyBytes, filled } = part
    sum += rangeBytes(part, total) - filled
  }
  return sum
}
