import { pipe } from 'it-pipe'
import type { SliverStore } from '../ports.ts'
import { type Exchange, type RequestHandler, respond } from '../rpc/exchange.ts'
import { writeBody } from '../stream/body.ts'
import { FetchAnswer, type FetchItem, FetchRequest } from './messages.ts'

export function fetchHandler(slivers: SliverStore): RequestHandler {
  return async (bytes, exchange) => {
    const { items } = FetchRequest.decode(bytes)
    exchange.note({ items: items.length, blobId: items[0]?.blobId })
    // pull all the way: the next sliver is read when the stream has taken the one before, so one is in memory at a time
    await pipe(items, readSlivers(slivers, exchange), sendAnswers(exchange))
  }
}

interface FoundSliver {
  index: number
  bytes: Uint8Array | undefined
}

function readSlivers(slivers: SliverStore, { quota, spec, signal }: Exchange) {
  return async function* (items: Iterable<FetchItem>): AsyncGenerator<FoundSliver> {
    let index = 0
    for (const { blobId, ref } of items) {
      signal.throwIfAborted()
      const get = () => slivers.get(blobId, ref, { signal })
      const { bytes, release } = await quota.load(spec.maxBodyBytes, signal, get)
      try {
        yield { index: index++, bytes }
      } finally {
        release()
      }
    }
  }
}

function sendAnswers(exchange: Exchange) {
  const { channel, quota, spec, signal, moved } = exchange
  const pace = (bytes: number): Promise<void> => quota.pace(bytes, signal)
  return async (answers: AsyncIterable<FoundSliver>): Promise<void> => {
    for await (const { index, bytes } of answers) {
      await respond(exchange, FetchAnswer, { index, length: bytes?.length ?? null })
      if (bytes === undefined) continue
      await writeBody(channel.writer, bytes, { signal, timeoutMs: spec.chunkTimeoutMs, pace })
      moved('out', bytes.length)
    }
  }
}
