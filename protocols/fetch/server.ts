import { pipe } from 'it-pipe'
import type { OpenSliver, SliverStore } from '../ports.ts'
import { openSliver, sendSliver } from '../rpc/send-sliver.ts'
import { type RequestHandler, respond, type ServedRequest } from '../rpc/served-request.ts'
import { FetchAnswer, type FetchItem, FetchRequest, rangeBytes } from './messages.ts'

export function fetchHandler(slivers: SliverStore): RequestHandler {
  return async (bytes, served) => {
    const { items } = FetchRequest.decode(bytes)
    served.note({ items: items.length, blobId: items[0]?.blobId })
    // pull all the way: the next sliver is opened when the stream has taken the one before
    await pipe(items, openSlivers(slivers, served), sendAnswers(served))
  }
}

interface FoundSliver {
  item: FetchItem
  index: number
  sliver: OpenSliver | undefined
}

function openSlivers(slivers: SliverStore, served: ServedRequest) {
  return async function* (items: Iterable<FetchItem>): AsyncGenerator<FoundSliver> {
    const { quota, signal } = served
    let index = 0
    for (const item of items) {
      signal.throwIfAborted()
      // a piece is what a stream holds, whatever the sliver's size and however slowly it is taken
      const release = await quota.piece(signal)
      try {
        yield { item, index: index++, sliver: await openSliver(slivers, item.blobId, item.ref, served) }
      } finally {
        release()
      }
    }
  }
}

function sendAnswers(served: ServedRequest) {
  return async (answers: AsyncIterable<FoundSliver>): Promise<void> => {
    for await (const { item, index, sliver } of answers) {
      if (sliver !== undefined) served.expect('out', rangeBytes(item, sliver.length))
      await respond(served, FetchAnswer, { index, total: sliver?.length ?? null })
      if (sliver !== undefined) await sendRange(served, item, sliver)
    }
  }
}

async function sendRange(served: ServedRequest, item: FetchItem, sliver: OpenSliver): Promise<void> {
  const length = rangeBytes(item, sliver.length)
  const { quota, signal } = served
  // all of it was read through: requests for single bytes must not be cheaper than what they cost the disk
  if (length < sliver.length) await quota.pace(sliver.length - length, signal)
  await sendSliver(served, item.blobId, sliver, { offset: item.offset, length })
}
