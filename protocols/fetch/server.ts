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

function readSlivers(slivers: SliverStore, { quota, signal }: Exchange) {
  return async function* (items: Iterable<FetchItem>): AsyncGenerator<FoundSliver> {
    let index = 0
    for (const { blobId, ref } of items) {
      signal.throwIfAborted()
      const endRead = await quota.read(signal)
      let giveBack: (() => void) | undefined
      try {
        const bytes = await slivers.get(blobId, ref, { signal })
        // counted before the read ends: what is in memory is bounded by the reads and by the budget together
        if (bytes !== undefined) giveBack = await quota.hold(bytes.length, signal)
        endRead()
        yield { index: index++, bytes }
      } finally {
        endRead()
        giveBack?.()
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
