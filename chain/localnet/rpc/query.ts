import { GrpcTypes } from '@mysten/sui/grpc'
import type { Ledger } from '../ledger/ledger.ts'
import { invalid, pruned } from './status.ts'

/** Where an item is: its checkpoint and its number there. */
export interface Position {
  checkpoint: bigint
  index: number
}

export interface Found<T> {
  item: T
  position: Position
}

/** Every frame has a watermark; the last one has `end`, and the last item when it is the limit that ends it. */
export interface Frame<T> {
  item?: T
  watermark: GrpcTypes.Watermark
  end?: GrpcTypes.QueryEnd
}

export interface Query<T> {
  startCheckpoint?: bigint
  endCheckpoint?: bigint
  options?: GrpcTypes.QueryOptions
  /** all items of a checkpoint in order, those that the filter lets through */
  itemsOf: (checkpoint: bigint) => Promise<Found<T>[]>
  signal: AbortSignal
  /** called at each checkpoint */
  breathe: () => Promise<void>
}

const LIMITS = {
  /** items when the caller names no limit */
  items: 100,
  maxItems: 1000,
  /** checkpoints one call may look through */
  scan: 10_000,
  /** checkpoints between frames that only tell progress */
  progress: 1000,
} as const

const Reason = GrpcTypes.QueryEndReason

/** Cursors are opaque: 16 hex digits of the checkpoint and 8 of the item's number in it. */
export const encodeCursor = ({ checkpoint, index }: Position): Uint8Array =>
  new TextEncoder().encode(checkpoint.toString(16).padStart(16, '0') + index.toString(16).padStart(8, '0'))

export function decodeCursor(bytes: Uint8Array | undefined): Position | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined
  const text = new TextDecoder().decode(bytes.subarray(0, 25))
  if (!/^[0-9a-f]{24}$/.test(text)) throw invalid('invalid cursor')
  return { checkpoint: BigInt(`0x${text.slice(0, 16)}`), index: Number.parseInt(text.slice(16), 16) }
}

const isBefore = (a: Position, b: Position): boolean =>
  a.checkpoint < b.checkpoint || (a.checkpoint === b.checkpoint && a.index < b.index)

/** Above every item's number: a cursor with it is after a whole checkpoint. */
export const LAST_INDEX = 0xffffffff

/**
 * Walks the checkpoints of [startCheckpoint, endCheckpoint) between the cursors `after` and `before`, both
 * exclusive, and yields what it finds. Every frame's cursor can be given as `after` (ascending) or `before`
 * (descending) to go on from there, also one of a walk that found nothing.
 */
export async function* runQuery<T>(ledger: Ledger, query: Query<T>): AsyncGenerator<Frame<T>> {
  const { options, itemsOf, signal, breathe } = query
  const descending = options?.ordering === GrpcTypes.Ordering.DESCENDING
  const limit = Math.min(options?.limit || LIMITS.items, LIMITS.maxItems)
  const { first, last, lastReason, after, before } = rangeOf(ledger, query, descending)
  const start = descending ? last : first
  const step = descending ? -1n : 1n

  const isInside = (position: Position) =>
    (after === undefined || isBefore(after, position)) && (before === undefined || isBefore(position, before))
  /** All of the checkpoints up to this one, in the order of the walk, have been given. */
  const covered = (checkpoint: bigint, cursor: Position): GrpcTypes.Watermark => ({
    cursor: encodeCursor(cursor),
    checkpoint: (checkpoint - start) * step >= 0n ? checkpoint : undefined,
  })
  const frontier = (checkpoint: bigint) =>
    covered(checkpoint, { checkpoint, index: descending ? 0 : LAST_INDEX })

  let watermark: GrpcTypes.Watermark = {
    cursor: encodeCursor(
      (descending ? before : after) ?? {
        checkpoint: start < 0n ? 0n : start,
        index: descending ? LAST_INDEX : 0,
      },
    ),
  }
  let found = 0
  let scanned = 0
  for (let at = start; at >= first && at <= last; at += step) {
    signal.throwIfAborted()
    await breathe()
    if (scanned++ === LIMITS.scan) return yield { watermark, end: { reason: Reason.SCAN_LIMIT } }
    const items = (await itemsOf(at)).filter(({ position }) => isInside(position))
    // it was pruned while this walked there
    if (at < ledger.lowest) {
      if (!descending) throw pruned(at, ledger.lowest)
      return yield { watermark, end: { reason: Reason.CHECKPOINT_BOUND } }
    }
    for (const { item, position } of descending ? items.reverse() : items) {
      watermark = covered(at - step, position)
      if (++found === limit) return yield { item, watermark, end: { reason: Reason.ITEM_LIMIT } }
      yield { item, watermark }
    }
    watermark = frontier(at)
    if (scanned % LIMITS.progress === 0) yield { watermark }
  }
  yield { watermark, end: { reason: lastReason } }
}

/** The checkpoints to walk, both ends included, and why the walk ends where it does. */
function rangeOf<T>(
  ledger: Ledger,
  { options, startCheckpoint, endCheckpoint }: Query<T>,
  descending: boolean,
) {
  const after = decodeCursor(options?.after)
  const before = decodeCursor(options?.before)
  let first = startCheckpoint ?? ledger.lowest
  let firstReason: GrpcTypes.QueryEndReason = Reason.CHECKPOINT_BOUND
  if (after !== undefined && after.checkpoint >= first) {
    first = after.checkpoint
    firstReason = Reason.CURSOR_BOUND
  }
  if (first < ledger.lowest) {
    if (!descending) throw pruned(first, ledger.lowest)
    first = ledger.lowest
    firstReason = Reason.CHECKPOINT_BOUND
  }
  let last = ledger.height
  let lastReason: GrpcTypes.QueryEndReason = Reason.LEDGER_TIP
  if (endCheckpoint !== undefined && endCheckpoint - 1n <= last) {
    last = endCheckpoint - 1n
    lastReason = Reason.CHECKPOINT_BOUND
  }
  if (before !== undefined && before.checkpoint <= last) {
    last = before.checkpoint
    lastReason = Reason.CURSOR_BOUND
  }
  return { first, last, after, before, lastReason: descending ? firstReason : lastReason }
}
