import { pipe } from 'it-pipe'
import { ProtocolError } from '../errors.ts'
import { type OpenSliver, SLIVER_PIECE_BYTES, type SliverStore } from '../ports.ts'
import { type Exchange, type RequestHandler, respond } from '../rpc/exchange.ts'
import { writeBody } from '../stream/body.ts'
import { FetchAnswer, type FetchItem, FetchRequest } from './messages.ts'

export function fetchHandler(slivers: SliverStore): RequestHandler {
  return async (bytes, exchange) => {
    const { items } = FetchRequest.decode(bytes)
    exchange.note({ items: items.length, blobId: items[0]?.blobId })
    // pull all the way: the next sliver is opened when the stream has taken the one before
    await pipe(items, openSlivers(slivers, exchange), sendAnswers(exchange))
  }
}

interface FoundSliver {
  item: FetchItem
  index: number
  sliver: OpenSliver | undefined
}

function openSlivers(slivers: SliverStore, exchange: Exchange) {
  return async function* (items: Iterable<FetchItem>): AsyncGenerator<FoundSliver> {
    const { quota, signal } = exchange
    let index = 0
    for (const item of items) {
      signal.throwIfAborted()
      // a piece is what a stream holds, whatever the sliver's size and however slowly it is taken
      const release = await quota.piece(signal)
      try {
        yield { item, index: index++, sliver: await openSliver(slivers, item, exchange) }
      } finally {
        release()
      }
    }
  }
}

/** Looking for a sliver reads it through: so many at a time, and nobody waits for a peer meanwhile. */
async function openSliver(
  slivers: SliverStore,
  { blobId, ref }: FetchItem,
  { quota, signal }: Exchange,
): Promise<OpenSliver | undefined> {
  const leave = await quota.disk(signal)
  try {
    return await slivers.open(blobId, ref, { signal })
  } finally {
    leave()
  }
}

function sendAnswers(exchange: Exchange) {
  return async (answers: AsyncIterable<FoundSliver>): Promise<void> => {
    for await (const { item, index, sliver } of answers) {
      await respond(exchange, FetchAnswer, { index, length: sliver?.length ?? null })
      if (sliver !== undefined) await sendBody(exchange, item, sliver)
    }
  }
}

async function sendBody(exchange: Exchange, { blobId }: FetchItem, sliver: OpenSliver): Promise<void> {
  const { channel, quota, spec, signal, moved } = exchange
  const pace = (bytes: number): Promise<void> => quota.pace(bytes, signal)
  try {
    for (let at = 0; at < sliver.length; at += SLIVER_PIECE_BYTES) {
      const piece = await sliver.read(at, Math.min(SLIVER_PIECE_BYTES, sliver.length - at))
      if (piece === undefined) throw new ProtocolError('BLOB_GONE', { args: { blobId } })
      await writeBody(channel.writer, piece, { signal, timeoutMs: spec.chunkTimeoutMs, pace })
    }
  } catch (error) {
    // words in the middle of a body would be taken for a part of it
    channel.abort(error instanceof Error ? error : new ProtocolError('CLOSED', { cause: error }))
    throw error
  }
  moved('out', sliver.length)
}
