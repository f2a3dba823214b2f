import { type GrpcTypes, RpcError, type SuiGrpcClient } from '@mysten/sui/grpc'
import { createBackoff } from '../../base/backoff.ts'
import type { ObjectId } from '../../codec/types.ts'
import { ChainError, isChainError } from '../errors.ts'
import type { ChainEvent, EventCursor, FollowOptions, FollowProgress } from '../types/index.ts'
import { type EventPosition, eventsOf, formatCursor, hasPosition, parseCursor } from './events.ts'
import { CHECKPOINT_FIELDS, CheckpointHistory, eventFilter } from './history.ts'
import { isTransient, type RpcPool, rpcStatus } from './rpc.ts'

/** A subscription silent for this long is checked against the chain's height: a dead connection says nothing. */
const SILENCE_MS = 15_000
const FIRST_PAUSE_MS = 100
/** A chain with validators loses nothing: only its nodes lag. */
const LAG_MS = 60_000
const MAX_PAUSE_MS = 5_000

export interface FollowerOptions {
  rpc: RpcPool
  originalPackageId: ObjectId
  from?: EventCursor
  /** see FollowOptions */
  complete?: boolean
  signal: AbortSignal
  /** every outage is told once, with its cause */
  onOutage?: (error: unknown) => void
  /** once, when everything until the beginning was given and the next event is asked for */
  onCaughtUp?: () => void
  /** see FollowOptions */
  onProgress?: (progress: FollowProgress) => void
  /** see FollowOptions */
  look?: FollowOptions['look']
  /** how long nodes may lag behind `from` before the chain itself is thought to have lost its end */
  lagMs?: number
}

/**
 * Every event of the package in order, each once, whatever happens to the RPC nodes. It subscribes, then reads what lies
 * between the last event it gave and the subscription's start, then gives what the subscription brings; when that
 * breaks, it starts over from the last checkpoint it has dealt with, on another node. Positions are the chain's own, so
 * a cursor holds on any node. Without `from` it begins at the oldest checkpoint that the node keeps; where all is wanted (`complete`), at the first that can
 * have events.
 *
 * Ends when the signal is aborted; throws HISTORY_PRUNED when the node has dropped events after `from`, MALFORMED for
 * an event of an unknown layout, CURSOR_UNKNOWN when the chain does not have the event before: going on would skip one.
 */
export async function* followEvents(options: FollowerOptions): AsyncGenerator<ChainEvent, void, undefined> {
  const { rpc, originalPackageId, signal, look } = options
  const history = new CheckpointHistory(rpc, originalPackageId)
  let last: EventPosition | undefined = options.from === undefined ? undefined : parseCursor(options.from)
  let next = last?.checkpoint
  const { clock, random } = rpc
  const pauses = { firstMs: FIRST_PAUSE_MS, maxMs: MAX_PAUSE_MS, jitter: 0.5 }
  const backoff = createBackoff({ ...pauses, random, timers: clock })
  let failing = false
  let caughtUp = options.onCaughtUp
  const progress = (isTip: boolean): void => {
    if (next !== undefined) options.onProgress?.({ checkpoint: next - 1n, isTip })
  }

  while (!signal.aborted) {
    try {
      if (last !== undefined) {
        const height = await expectKnown(history, last, options.lagMs ?? LAG_MS, signal)
        // what came after the last event, without any, may be other checkpoints by now
        const isOther = next === undefined || height < next - 1n
        if (isOther || (history.isListed && !(await isBehind(history, last.checkpoint, next!, signal))))
          next = last.checkpoint
      } else if (next !== undefined && (await history.height(signal)) < next - 1n) {
        next = undefined
      }
      next ??= options.complete ? await history.first(signal) : await history.lowest(signal)
      for await (const step of checkpointsFrom({ rpc, history, originalPackageId, look }, next, signal)) {
        if (step.checkpoint) {
          for (const event of eventsOf(step.checkpoint, originalPackageId, last)) {
            yield event
            last = parseCursor(event.cursor)
            if (signal.aborted) return
          }
        }
        next = step.next
        backoff.reset()
        failing = false
        progress(step.isTip === true || step.isNews === true)
        if (!step.isTip) continue
        caughtUp?.()
        caughtUp = undefined
      }
    } catch (error) {
      if (signal.aborted) return
      if (!isOutage(error)) throw error
      if (!failing) options.onOutage?.(error)
      failing = true
      progress(false)
    }
    try {
      await backoff.pause(signal)
    } catch {
      return
    }
  }
}

/** That the chain has what was read of it; gives its height: a localnet that lost its end to a power cut goes on with something else. */
async function expectKnown(
  history: CheckpointHistory,
  last: EventPosition,
  lagMs: number,
  signal: AbortSignal,
): Promise<bigint> {
  const height = await history.reach(last.checkpoint, lagMs, signal)
  if (height >= last.checkpoint) {
    const checkpoint = await history.get(last.checkpoint, signal)
    // one that is gone is for the range to tell
    if (checkpoint === undefined || hasPosition(checkpoint, last)) return height
  }
  const cursor = formatCursor(last)
  throw new ChainError(
    'CURSOR_UNKNOWN',
    `the chain, at checkpoint ${height}, does not have event ${cursor}`,
    {
      cursor,
      height,
    },
  )
}

/** Whether the node has pruned the last event by now, but nothing from `next` on: what lay in between was looked through. */
async function isBehind(
  history: CheckpointHistory,
  last: bigint,
  next: bigint,
  signal: AbortSignal,
): Promise<boolean> {
  const lowest = await history.lowest(signal)
  return lowest > last && lowest <= next
}

interface Step {
  checkpoint?: GrpcTypes.Checkpoint
  /** everything before this checkpoint has been dealt with once this step has */
  next: bigint
  /** this is where the chain was when this began */
  isTip?: true
  /** it has just happened, or nothing more had when the subscription began */
  isNews?: true
}

interface Source extends Pick<FollowerOptions, 'rpc' | 'originalPackageId' | 'look'> {
  history: CheckpointHistory
}

/** Checkpoints with events of the package from `from` on, without a gap; ends when the subscription breaks. */
async function* checkpointsFrom(source: Source, from: bigint, signal: AbortSignal): AsyncGenerator<Step> {
  const { rpc, history } = source
  let next = from
  // most of a long way is gone before the subscription opens, as its frames wait in memory meanwhile
  for await (const step of history.range(next, (await history.height(signal)) + 1n, signal)) {
    yield step
    next = step.next
  }
  yield { next, isTip: true }
  const ended = new AbortController()
  const bound = AbortSignal.any([signal, ended.signal])
  const { client, url } = await rpc.stream(bound)
  try {
    const height = () => history.height(bound)
    for await (const frame of subscription(source, client, height)) {
      if (frame.isLook) {
        for await (const step of history.range(next, (await height()) + 1n, bound)) {
          yield step
          next = step.next
        }
        yield { next, isNews: true }
      }
      if (frame.cursor === undefined) continue
      // the first frame tells where the subscription starts; later gaps are checkpoints without events of ours
      const upTo = frame.checkpoint ? frame.cursor : frame.cursor + 1n
      if (!frame.continues) {
        for await (const step of history.range(next, upTo, bound)) {
          yield step
          next = step.next
        }
        yield { next, isNews: true }
      }
      if (frame.cursor < next) continue
      next = frame.cursor + 1n
      yield { checkpoint: frame.checkpoint, next, isNews: true }
    }
    rpc.failed(url)
  } catch (error) {
    if (!bound.aborted) rpc.failed(url)
    throw error
  } finally {
    ended.abort()
  }
}

interface Frame extends GrpcTypes.SubscribeCheckpointsResponse {
  /** false for the first frame of the subscription */
  continues: boolean
  /** none came: the node is to be asked for what it has not sent */
  isLook?: true
}

/** The frames of a subscription; throws when it stays silent although the chain has grown. */
async function* subscription(
  { rpc: { clock }, originalPackageId, look }: Source,
  client: SuiGrpcClient,
  height: () => Promise<bigint>,
): AsyncGenerator<Frame> {
  const call = client.subscriptionService.subscribeCheckpoints({
    readMask: { paths: [...CHECKPOINT_FIELDS] },
    filter: eventFilter(originalPackageId),
  })
  // the same error ends `responses`; these two would be unhandled rejections
  call.status.catch(() => {})
  call.trailers.catch(() => {})
  call.headers.catch(() => {})
  const frames = call.responses[Symbol.asyncIterator]()
  let continues = false
  let seen: bigint | undefined
  let hasGrown = false
  let pending = frames.next()
  let comes: Promise<boolean> | undefined
  for (;;) {
    comes ??= clock.settlesWithin(pending, SILENCE_MS)
    const isThere = await comesBefore(comes, look)
    if (isThere === undefined) {
      yield { continues, isLook: true }
      continue
    }
    comes = undefined
    if (!isThere) {
      const tip = await height()
      seen ??= tip
      if (tip <= seen) continue
      // what has just happened is on its way: it is given as long as it took to be noticed
      if (!hasGrown) {
        hasGrown = true
        continue
      }
      throw new ChainError('RPC_FAILED', 'the checkpoint subscription is silent while the chain grows', {
        status: 'DEADLINE_EXCEEDED',
        url: '',
      })
    }
    const result = await pending
    if (result.done) return
    seen = result.value.cursor ?? seen
    hasGrown = false
    yield { ...result.value, continues }
    continues = true
    pending = frames.next()
  }
}

/** Undefined when it is told to look first. */
async function comesBefore(
  comes: Promise<boolean>,
  look: FollowerOptions['look'],
): Promise<boolean | undefined> {
  if (look === undefined) return await comes
  const over = new AbortController()
  try {
    return await Promise.race([comes, look.wait(over.signal).then(() => undefined)])
  } finally {
    over.abort()
  }
}

/** What another node, or the same one later, may not answer. A pruned history or an unknown layout stays as it is. */
function isOutage(error: unknown): boolean {
  if (isTransient(error)) return true
  if (isChainError(error)) return error.code === 'RPC_FAILED' && rpcStatus(error) !== 'UNIMPLEMENTED'
  // the stream's own error comes without a ChainError around it
  return error instanceof RpcError
}
