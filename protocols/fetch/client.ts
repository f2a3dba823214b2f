import { ProtocolError } from '../errors.ts'
import type { AbortOptions } from '../ports.ts'
import type { ClientStream } from '../rpc/client-stream.ts'
import type { PeerAddress } from '../rpc/dial.ts'
import { beginRequest } from '../rpc/request.ts'
import type { StreamPool } from '../rpc/stream-pool.ts'
import { SPECS } from '../specs.ts'
import { readBody } from '../stream/body.ts'
import {
  FetchAnswer,
  type FetchAnswerFields,
  type FetchItem,
  FetchRequest,
  MAX_FETCH_ITEMS,
} from './messages.ts'

/** One sliver to be fetched. */
export interface FetchRequestItem extends FetchItem {
  /** what the metadata allows; a longer answer is refused before it is buffered. The table's limit when absent. */
  maxBytes?: number
}

/** The answer to one item. */
export interface FetchedSliver<Item extends FetchItem> {
  /** the very object that was asked with */
  item: Item
  /** BCS `SliverData` as the node sent it, whole but not verified; undefined when the node does not have it */
  bytes: Uint8Array | undefined
}

const spec = SPECS.fetch

/**
 * Fetches slivers from one node, each as it arrives. The node waits while the consumer does; leaving the loop early
 * resets the stream. Every item is answered exactly once. Throws ProtocolError, or the signal's reason.
 */
export async function* fetchSlivers<Item extends FetchRequestItem>(
  pool: StreamPool,
  peer: PeerAddress,
  items: readonly Item[],
  options: AbortOptions = {},
): AsyncGenerator<FetchedSliver<Item>> {
  for (let at = 0; at < items.length; at += MAX_FETCH_ITEMS) {
    yield* fetchBatch(pool, peer, items.slice(at, at + MAX_FETCH_ITEMS), options)
  }
}

async function* fetchBatch<Item extends FetchRequestItem>(
  pool: StreamPool,
  peer: PeerAddress,
  items: readonly Item[],
  { signal }: AbortOptions,
): AsyncGenerator<FetchedSliver<Item>> {
  const limits = { signal, timeoutMs: spec.responseTimeoutMs }
  const { lease, first } = await beginRequest(pool, peer, signal, async stream => {
    const request = { items: items.map(({ blobId, ref }) => ({ blobId, ref })) }
    await stream.send(FetchRequest, request, { signal, timeoutMs: spec.chunkTimeoutMs })
    return stream.receive(FetchAnswer, limits)
  })
  let failure: unknown = new ProtocolError('CLOSED')
  let complete = false
  try {
    const open = new Set(items.keys())
    let answer = first
    for (;;) {
      yield await readAnswer(lease.stream, items, open, answer, signal)
      if (open.size === 0) break
      answer = await lease.stream.receive(FetchAnswer, limits)
    }
    complete = true
  } catch (error) {
    failure = error
    throw error
  } finally {
    if (complete) lease.release()
    else lease.discard(failure)
  }
}

async function readAnswer<Item extends FetchRequestItem>(
  { channel }: ClientStream,
  items: readonly Item[],
  open: Set<number>,
  { index, length }: FetchAnswerFields,
  signal: AbortSignal | undefined,
): Promise<FetchedSliver<Item>> {
  const item = items[index]
  if (item === undefined || !open.delete(index)) throw new ProtocolError('VIOLATION')
  if (length === null) return { item, bytes: undefined }
  const limitBytes = item.maxBytes ?? spec.maxBodyBytes
  if (length > limitBytes) throw new ProtocolError('TOO_LARGE', { args: { limitBytes, actualBytes: length } })
  const bytes = new Uint8Array(length)
  await readBody(channel.reader, bytes, { signal, timeoutMs: spec.chunkTimeoutMs })
  return { item, bytes }
}
