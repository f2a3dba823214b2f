import { GrpcTypes } from '@mysten/sui/grpc'
import type { CheckpointRecord } from '../../ledger/checkpoint.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { TransactionRecord } from '../../ledger/records.ts'
import type { Call } from '../call.ts'
import { checkpointMessage } from '../convert/checkpoint.ts'
import { eventMessages, recordMessage } from '../convert/transaction.ts'
import { eventFilter, TransactionView, transactionFilter } from '../filter.ts'
import { Mask } from '../mask.ts'
import { encodeCursor, type Found, LAST_INDEX, runQuery } from '../query.ts'

interface Entry {
  record: TransactionRecord
  index: number
}

/** Queries over what has happened, in the order in which it happened. */
export function historyService(ledger: Ledger) {
  const transactionsOf = async (checkpoint: CheckpointRecord): Promise<Entry[]> => {
    const entries: Entry[] = []
    for (const [index, { transaction }] of checkpoint.transactions.entries()) {
      const record = await ledger.transaction(transaction)
      if (record) entries.push({ record, index })
    }
    return entries
  }
  const entriesAt = async (sequence: bigint): Promise<Entry[]> => {
    const checkpoint = await ledger.checkpoint(sequence)
    return checkpoint ? await transactionsOf(checkpoint) : []
  }
  const view = (record: TransactionRecord) =>
    new TransactionView(record, record.events ? eventMessages(ledger, record.events, false) : [])

  /** Events of a checkpoint that the filter lets through; cursors count all of its events. */
  const eventsAt = async (
    sequence: bigint,
    filter: (event: GrpcTypes.Event) => boolean,
    mask: Mask,
  ): Promise<Found<GrpcTypes.Event>[]> => {
    const found: Found<GrpcTypes.Event>[] = []
    let number = 0
    for (const { record, index } of await entriesAt(sequence)) {
      if (!record.events) continue
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
    if (!filter || filter.terms.length === 0) return true
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

  /** A subscription tells how far it is, first of all where it starts, so that callers can fill the gap before. */
  async function* subscribe<T>(
    itemsAt: (sequence: bigint) => Promise<Found<T>[]>,
    call: Call,
  ): AsyncGenerator<{ item?: T; watermark: GrpcTypes.Watermark }> {
    const start = ledger.height
    const covered = (checkpoint: bigint): GrpcTypes.Watermark => ({
      cursor: encodeCursor({ checkpoint, index: LAST_INDEX }),
      checkpoint,
    })
    yield { watermark: covered(start) }
    for await (const sequence of follow(start, call)) {
      for (const { item, position } of await itemsAt(sequence))
        yield { item, watermark: { cursor: encodeCursor(position), checkpoint: sequence - 1n } }
      yield { watermark: covered(sequence) }
    }
  }

  return {
    ledger: {
      async *listEvents(
        request: GrpcTypes.ListEventsRequest,
        { signal }: Call,
      ): AsyncGenerator<GrpcTypes.ListEventsResponse> {
        const mask = Mask.of(request.readMask, ['*']).check(GrpcTypes.Event)
        const filter = eventFilter(request.filter)
        const itemsOf = (sequence: bigint) => eventsAt(sequence, filter, mask)
        for await (const frame of runQuery(ledger, { ...request, itemsOf, signal }))
          yield { event: frame.item, watermark: frame.watermark, end: frame.end }
      },

      async *listTransactions(
        request: GrpcTypes.ListTransactionsRequest,
        { signal }: Call,
      ): AsyncGenerator<GrpcTypes.ListTransactionsResponse> {
        const mask = Mask.of(request.readMask, ['digest']).check(GrpcTypes.ExecutedTransaction)
        const filter = transactionFilter(request.filter)
        const itemsOf = (sequence: bigint) => transactionsAt(sequence, filter, mask)
        for await (const frame of runQuery(ledger, { ...request, itemsOf, signal }))
          yield { transaction: frame.item, watermark: frame.watermark, end: frame.end }
      },

      async *listCheckpoints(
        request: GrpcTypes.ListCheckpointsRequest,
        { signal }: Call,
      ): AsyncGenerator<GrpcTypes.ListCheckpointsResponse> {
        const mask = Mask.of(request.readMask, ['sequence_number', 'digest']).check(GrpcTypes.Checkpoint)
        const itemsOf = async (sequence: bigint): Promise<Found<GrpcTypes.Checkpoint>[]> => {
          const checkpoint = await ledger.checkpoint(sequence)
          if (!checkpoint || !(await checkpointMatches(checkpoint, request.filter))) return []
          const item = await checkpointMessage(ledger, checkpoint, mask)
          return [{ item, position: { checkpoint: sequence, index: 0 } }]
        }
        for await (const frame of runQuery(ledger, { ...request, itemsOf, signal }))
          yield { checkpoint: frame.item, watermark: frame.watermark, end: frame.end }
      },
    },

    subscription: {
      async *subscribeCheckpoints(
        request: GrpcTypes.SubscribeCheckpointsRequest,
        call: Call,
      ): AsyncGenerator<GrpcTypes.SubscribeCheckpointsResponse> {
        const mask = Mask.of(request.readMask, ['sequence_number', 'digest']).check(GrpcTypes.Checkpoint)
        const isFiltered = (request.filter?.terms.length ?? 0) > 0
        const start = ledger.height
        // only a filtered stream has frames that tell nothing but progress
        if (isFiltered) yield { cursor: start }
        for await (const cursor of follow(start, call)) {
          const checkpoint = await ledger.checkpoint(cursor)
          if (checkpoint && (await checkpointMatches(checkpoint, request.filter)))
            yield { cursor, checkpoint: await checkpointMessage(ledger, checkpoint, mask) }
          else yield { cursor }
        }
      },

      async *subscribeTransactions(
        request: GrpcTypes.SubscribeTransactionsRequest,
        call: Call,
      ): AsyncGenerator<GrpcTypes.SubscribeTransactionsResponse> {
        const mask = Mask.of(request.readMask, ['digest']).check(GrpcTypes.ExecutedTransaction)
        const filter = transactionFilter(request.filter)
        for await (const { item, watermark } of subscribe(at => transactionsAt(at, filter, mask), call))
          yield { transaction: item, watermark }
      },

      async *subscribeEvents(
        request: GrpcTypes.SubscribeEventsRequest,
        call: Call,
      ): AsyncGenerator<GrpcTypes.SubscribeEventsResponse> {
        const mask = Mask.of(request.readMask, ['*']).check(GrpcTypes.Event)
        const filter = eventFilter(request.filter)
        for await (const { item, watermark } of subscribe(at => eventsAt(at, filter, mask), call))
          yield { event: item, watermark }
      },
    },
  }
}
