import { GrpcTypes } from '@mysten/sui/grpc'
import type { CheckpointRecord } from '../../ledger/checkpoint.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { TransactionRecord } from '../../ledger/records.ts'
import type { Call } from '../call.ts'
import { checkpointMessage } from '../convert/checkpoint.ts'
import { eventMessages, recordMessage } from '../convert/transaction.ts'
import { createFeeds, createRecent } from '../feeds.ts'
import { eventFilter, TransactionView, transactionFilter } from '../filter.ts'
import { Mask } from '../mask.ts'
import { encodeCursor, type Found, LAST_INDEX, runQuery } from '../query.ts'
import { pruned } from '../status.ts'

/** A follower that is further behind reads for itself. */
const RECENT_CHECKPOINTS = 16

interface Entry {
  record: TransactionRecord
  index: number
}

/** Queries over what has happened, in the order in which it happened. */
export function historyService(ledger: Ledger) {
  const feeds = createFeeds()
  const readTransactions = async (checkpoint: CheckpointRecord): Promise<Entry[]> => {
    const entries: Entry[] = []
    for (const [index, { transaction }] of checkpoint.transactions.entries()) {
      const record = await ledger.transaction(transaction)
      if (record !== undefined) entries.push({ record, index })
    }
    return entries
  }
  /** Of the newest checkpoints, which all who follow look at in the same moment. */
  const recent = createRecent<Entry[]>(RECENT_CHECKPOINTS)
  const transactionsOf = (checkpoint: CheckpointRecord): Promise<Entry[]> =>
    checkpoint.sequence + BigInt(RECENT_CHECKPOINTS) < ledger.height
      ? readTransactions(checkpoint)
      : recent(checkpoint.sequence, () => readTransactions(checkpoint))
  const entriesAt = async (sequence: bigint): Promise<Entry[]> => {
    const checkpoint = await ledger.checkpoint(sequence)
    return checkpoint !== undefined ? await transactionsOf(checkpoint) : []
  }
  const view = (record: TransactionRecord) =>
    new TransactionView(
      record,
      record.events !== undefined ? eventMessages(ledger, record.events, false) : [],
    )

  /** Events of a checkpoint that the filter lets through; cursors count all of its events. */
  const eventsAt = async (
    sequence: bigint,
    filter: (event: GrpcTypes.Event) => boolean,
    mask: Mask,
  ): Promise<Found<GrpcTypes.Event>[]> => {
    const found: Found<GrpcTypes.Event>[] = []
    let number = 0
    for (const { record, index } of await entriesAt(sequence)) {
      if (record.events === undefined) continue
      for (const [eventIndex, event] of eventMessages(ledger, record.events, mask.wants('json')).entries()) {
        const position = { checkpoint: sequence, index: number++ }
        if (!filter(event)) continue
        const item = mask.prune(GrpcTypes.Event, {
          ...event,
          checkpoint: sequence,
          transactionDigest: record.digest,
          transactionIndex: BigInt(index),
          eventIndex,
        })
        found.push({ item, position })
      }
    }
    return found
  }

  const transactionsAt = async (
    sequence: bigint,
    filter: (view: TransactionView) => boolean,
    mask: Mask,
  ): Promise<Found<GrpcTypes.ExecutedTransaction>[]> => {
    const found: Found<GrpcTypes.ExecutedTransaction>[] = []
    for (const { record, index } of await entriesAt(sequence)) {
      if (!filter(view(record))) continue
      found.push({
        item: await recordMessage(ledger, record, mask),
        position: { checkpoint: sequence, index },
      })
    }
    return found
  }

  const checkpointMatches = async (
    checkpoint: CheckpointRecord,
    filter: GrpcTypes.TransactionFilter | undefined,
  ): Promise<boolean> => {
    if (filter === undefined || filter.terms.length === 0) return true
    const test = transactionFilter(filter)
    return (await transactionsOf(checkpoint)).some(({ record }) => test(view(record)))
  }

  /** Every checkpoint from now on. It reads as fast as the caller does, so nothing queues up. */
  async function* follow(from: bigint, { signal }: Call): AsyncGenerator<bigint> {
    for (let next = from + 1n; ; next++) {
      await ledger.waitForCheckpoint(next, signal)
      yield next
    }
  }

  /** Those who ask the same are sent the same bytes, which are made once. */
  async function* share<T extends object>(
    codec: { typeName: string; toBinary(message: T): Uint8Array },
    request: Uint8Array,
    from: bigint,
    call: Call,
    framesAt: (sequence: bigint) => Promise<T[]>,
  ): AsyncGenerator<Uint8Array> {
    const feed = feeds.join(`${codec.typeName} ${Buffer.from(request).toString('base64')}`)
    try {
      for await (const sequence of follow(from, call))
        yield* await feed.at(sequence, async () => {
          const frames = await framesAt(sequence)
          // a follower that is so far behind is cut off, and nothing skipped
          if (sequence < ledger.lowest) throw pruned(sequence, ledger.lowest)
          return frames.map(frame => codec.toBinary(frame))
        })
    } finally {
      feed.leave()
    }
  }

  const covered = (checkpoint: bigint): GrpcTypes.Watermark => ({
    cursor: encodeCursor({ checkpoint, index: LAST_INDEX }),
    checkpoint,
  })
  /** What is found at a checkpoint, then that it is all; of a subscription that tells how far it is. */
  const watermarked = async <T, F>(
    sequence: bigint,
    found: Promise<Found<T>[]>,
    frame: (item: T | undefined, watermark: GrpcTypes.Watermark) => F,
  ): Promise<F[]> => [
    ...(await found).map(({ item, position }) =>
      frame(item, { cursor: encodeCursor(position), checkpoint: sequence - 1n }),
    ),
    frame(undefined, covered(sequence)),
  ]

  return {
    ledger: {
      async *listEvents(
        request: GrpcTypes.ListEventsRequest,
        { signal, breathe }: Call,
      ): AsyncGenerator<GrpcTypes.ListEventsResponse> {
        const mask = Mask.of(request.readMask, ['*']).check(GrpcTypes.Event)
        const filter = eventFilter(request.filter)
        const itemsOf = (sequence: bigint) => eventsAt(sequence, filter, mask)
        for await (const frame of runQuery(ledger, { ...request, itemsOf, signal, breathe }))
          yield { event: frame.item, watermark: frame.watermark, end: frame.end }
      },

      async *listTransactions(
        request: GrpcTypes.ListTransactionsRequest,
        { signal, breathe }: Call,
      ): AsyncGenerator<GrpcTypes.ListTransactionsResponse> {
        const mask = Mask.of(request.readMask, ['digest']).check(GrpcTypes.ExecutedTransaction)
        const filter = transactionFilter(request.filter)
        const itemsOf = (sequence: bigint) => transactionsAt(sequence, filter, mask)
        for await (const frame of runQuery(ledger, { ...request, itemsOf, signal, breathe }))
          yield { transaction: frame.item, watermark: frame.watermark, end: frame.end }
      },

      async *listCheckpoints(
        request: GrpcTypes.ListCheckpointsRequest,
        { signal, breathe }: Call,
      ): AsyncGenerator<GrpcTypes.ListCheckpointsResponse> {
        const mask = Mask.of(request.readMask, ['sequence_number', 'digest']).check(GrpcTypes.Checkpoint)
        const itemsOf = async (sequence: bigint): Promise<Found<GrpcTypes.Checkpoint>[]> => {
          const checkpoint = await ledger.checkpoint(sequence)
          if (checkpoint === undefined || !(await checkpointMatches(checkpoint, request.filter))) return []
          const item = await checkpointMessage(ledger, checkpoint, mask)
          return [{ item, position: { checkpoint: sequence, index: 0 } }]
        }
        for await (const frame of runQuery(ledger, { ...request, itemsOf, signal, breathe }))
          yield { checkpoint: frame.item, watermark: frame.watermark, end: frame.end }
      },
    },

    subscription: {
      async *subscribeCheckpoints(
        request: GrpcTypes.SubscribeCheckpointsRequest,
        call: Call,
      ): AsyncGenerator<GrpcTypes.SubscribeCheckpointsResponse | Uint8Array> {
        const mask = Mask.of(request.readMask, ['sequence_number', 'digest']).check(GrpcTypes.Checkpoint)
        const start = ledger.height
        // only a filtered stream has frames that tell nothing but progress
        if ((request.filter?.terms.length ?? 0) > 0) yield { cursor: start }
        const bytes = GrpcTypes.SubscribeCheckpointsRequest.toBinary(request)
        yield* share(GrpcTypes.SubscribeCheckpointsResponse, bytes, start, call, async cursor => {
          const checkpoint = await ledger.checkpoint(cursor)
          if (checkpoint === undefined || !(await checkpointMatches(checkpoint, request.filter)))
            return [{ cursor }]
          return [{ cursor, checkpoint: await checkpointMessage(ledger, checkpoint, mask) }]
        })
      },

      async *subscribeTransactions(
        request: GrpcTypes.SubscribeTransactionsRequest,
        call: Call,
      ): AsyncGenerator<GrpcTypes.SubscribeTransactionsResponse | Uint8Array> {
        const mask = Mask.of(request.readMask, ['digest']).check(GrpcTypes.ExecutedTransaction)
        const filter = transactionFilter(request.filter)
        const start = ledger.height
        // where it starts, so that callers can fill the gap before
        yield { watermark: covered(start) }
        const bytes = GrpcTypes.SubscribeTransactionsRequest.toBinary(request)
        yield* share(GrpcTypes.SubscribeTransactionsResponse, bytes, start, call, at =>
          watermarked(at, transactionsAt(at, filter, mask), (transaction, watermark) => ({
            transaction,
            watermark,
          })),
        )
      },

      async *subscribeEvents(
        request: GrpcTypes.SubscribeEventsRequest,
        call: Call,
      ): AsyncGenerator<GrpcTypes.SubscribeEventsResponse | Uint8Array> {
        const mask = Mask.of(request.readMask, ['*']).check(GrpcTypes.Event)
        const filter = eventFilter(request.filter)
        const start = ledger.height
        yield { watermark: covered(start) }
        const bytes = GrpcTypes.SubscribeEventsRequest.toBinary(request)
        yield* share(GrpcTypes.SubscribeEventsResponse, bytes, start, call, at =>
          watermarked(at, eventsAt(at, filter, mask), (event, watermark) => ({ event, watermark })),
        )
      },
    },
  }
}
