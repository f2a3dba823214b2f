import { GrpcTypes } from '@mysten/sui/grpc'
import type { Ledger } from '../ledger/ledger.ts'
import { invalid } from './status.ts'

/** Where an item is: its checkpoint and its number there. */
export interface Position {
  checkpoint: bigint
  index: number
}

export interface Found<T> {
  item: T
  position: Position
}

export type Frame<T> =
  | { item: T; watermark: GrpcTypes.Watermark }
  | { watermark: GrpcTypes.Watermark | undefined; end: GrpcTypes.QueryEnd }

export interface Query<T> {
  startCheckpoint?: bigint
  endCheckpoint?: bigint
  options?: GrpcTypes.QueryOptions
  /** all items of a checkpoint in order, those that the filter lets through */
  itemsOf: (checkpoint: bigint) => Promise<Found<T>[]>
  signal: AbortSignal
}

const limits = {
  /** items when the caller names no limit */
  items: 100,
  maxItems: 1000,
  /** checkpoints one call may look through */
  scan: 10_000,
} as const

const Reason = GrpcTypes.QueryEndReason

/** Cursors are opaque: 16 hex digits of the checkpoint and 8 of the item's number in it. */
export const encodeCursor = ({ checkpoint, index }: Position): Uint8Array =>
  new TextEncoder().encode(checkpoint.toString(16).padStart(16, '0') + index.toString(16).padStart(8, '0'))

export function decodeCursor(bytes: Uint8Array | undefined): Position | undefined {
  if (!bytes || bytes.length === 0) return undefined
  const text = new TextDecoder().decode(bytes)
  if (!/^[0-9a-f]{24}$/.test(text)) throw invalid('invalid cursor')
  return { checkpoint: BigInt(`0x${text.slice(0, 16)}`), index: Number.parseInt(text.slice(16), 16) }
}

const isBefore = (a: Position, b: Position): boolean =>
  a.checkpoint < b.checkpoint || (a.checkpoint === b.checkpoint && a.index < b.index)

/** Stands for the whole checkpoint, after all of its items. */
const endOf = (checkpoint: bigint): Position => ({ checkpoint, index: 0xffffffff })
const startOf = (checkpoint: bigint): Position => ({ checkpoint, index: 0 })

/**
 * Walks the checkpoints and yields what it finds. Every frame's cursor can be given as `after`
 * (ascending) or `before` (descending) to go on from there, also one of a walk that found nothing.
 */
export async function* runQuery<T>(ledger: Ledger, query: Query<T>): AsyncGenerator<Frame<T>> {
  const { options, itemsOf, signal } = query
  const descending = options?.ordering === GrpcTypes.Ordering.DESCENDING
  const limit = Math.min(options?.limit || limits.items, limits.maxItems)
  const after = decodeCursor(options?.after)
  const before = decodeCursor(options?.before)
  const tip = ledger.height
  const max = (a: bigint, b: bigint) => (a > b ? a : b)
  const min = (a: bigint, b: bigint) => (a < b ? a : b)
  const first = max(query.startCheckpoint ?? 0n, after?.checkpoint ?? 0n)
  const last = min(min(query.endCheckpoint ?? tip, before?.checkpoint ?? tip), tip)

  let found = 0
  let scanned = 0
  const frontier = (checkpoint: bigint): GrpcTypes.Watermark => ({
    cursor: encodeCursor(descending ? startOf(checkpoint) : endOf(checkpoint)),
    checkpoint,
  })
  let watermark: GrpcTypes.Watermark | undefined
  const end = (reason: GrpcTypes.QueryEndReason): Frame<T> => ({ watermark, end: { reason } })

  let at = descending ? last : first
  while (descending ? at >= first : at <= last) {
    signal.throwIfAborted()
    if (++scanned > limits.scan) return yield end(Reason.SCAN_LIMIT)
    const items = await itemsOf(at)
    for (const { item, position } of descending ? items.reverse() : items) {
      if ((after && !isBefore(after, position)) || (before && !isBefore(position, before))) continue
      if (found === limit) return yield end(Reason.ITEM_LIMIT)
      found++
      watermark = { cursor: encodeCursor(position), checkpoint: at }
      yield { item, watermark }
    }
    watermark = frontier(at)
    at += descending ? -1n : 1n
  }
  if (descending) return yield end(after ? Reason.CURSOR_BOUND : Reason.CHECKPOINT_BOUND)
  if (before && before.checkpoint <= tip) return yield end(Reason.CURSOR_BOUND)
  yield end(
    query.endCheckpoint !== undefined && query.endCheckpoint <= tip
      ? Reason.CHECKPOINT_BOUND
      : Reason.LEDGER_TIP,
  )
}
