import type { Clock } from '../../../base/clock.ts'
import { nextTurn } from '../../../base/turn.ts'
import { onAbort } from '../../../base/wait.ts'
import type { Account } from './accounts.ts'
import { deadline, parseTimeout } from './deadline.ts'
import type { Method } from './methods.ts'
import { SERVER_LIMITS } from './server-limits.ts'
import { limited, RpcStatus, toStatus } from './status.ts'

export interface CallInput {
  method: Method | undefined
  path: string
  /** reads the caller's messages; throws RpcStatus for what is wrong with them */
  requests: () => AsyncIterable<Uint8Array>
  /** `grpc-timeout` */
  timeout: string | undefined
  account: Account
  clock: Clock
  /** the caller hung up, or the server closes */
  signal: AbortSignal
  /** The call goes on until the caller ends it: tell it that it stands before there is anything to say. */
  begin(): void
  /** Waits when the caller reads slower than we write. */
  send(message: Uint8Array, signal: AbortSignal): Promise<void>
}

/** Work goes on so long before others get their turn. */
const SLICE_MS = 10

const passed = () => new RpcStatus('DEADLINE_EXCEEDED', 'the deadline has passed')
const tooSlow = () => limited('time', 'the caller is too slow', 'RESOURCE_EXHAUSTED')
/** Runs a call to its end; answers how it ended, and what failed when it was none of the caller's business. */
export async function runCall(input: CallInput): Promise<{ status: RpcStatus; unexpected?: unknown }> {
  const { method, path, account, clock } = input
  let leave: (() => void) | undefined
  const timers: { clear(): void }[] = []
  let signal = input.signal
  try {
    leave = account.call()
    const limit = deadline(clock, parseTimeout(input.timeout), passed)
    timers.push(limit)
    signal = AbortSignal.any([signal, limit.signal])
    if (method === undefined) throw new RpcStatus('UNIMPLEMENTED', `no method ${path.slice(0, 200)}`)
    signal.throwIfAborted()
    if (method.serverStreaming) input.begin()
    const arriving = deadline(clock, method.clientStreaming ? undefined : SERVER_LIMITS.bodyMs, tooSlow)
    timers.push(arriving)
    const requests = untilAborted(
      input.requests(),
      AbortSignal.any([signal, arriving.signal]),
      arriving.clear,
    )
    const replies = method.run(requests, { signal, account, breathe: createBreather(clock) })
    for await (const message of untilAborted(replies, signal)) {
      const taking = deadline(clock, SERVER_LIMITS.stalledMs, tooSlow)
      try {
        await input.send(message, AbortSignal.any([signal, taking.signal]))
      } finally {
        taking.clear()
      }
    }
    return { status: new RpcStatus('OK', '') }
  } catch (error) {
    if (signal.aborted) return { status: toStatus(signal.reason) }
    const status = toStatus(error)
    return status === error || status.code !== 'INTERNAL' ? { status } : { status, unexpected: error }
  } finally {
    for (const timer of timers) timer.clear()
    leave?.()
  }
}

/** Items of `source` until the signal aborts, also while one is waited for; then throws its reason. */
export async function* untilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
  ended?: () => void,
): AsyncGenerator<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  aborted.catch(() => undefined)
  using _ = onAbort(signal, () => reject(signal.reason))
  const iterator = source[Symbol.asyncIterator]()
  let isDone = false
  try {
    for (;;) {
      const next = iterator.next()
      next.catch(() => undefined)
      const result = await Promise.race([next, aborted])
      isDone = result.done === true
      if (result.done) return
      yield result.value
    }
  } finally {
    ended?.()
    // not awaited: what it waits for may never come
    if (!isDone) void iterator.return?.().catch(() => undefined)
  }
}

/** For loops whose awaits may all be answered from memory: lets others in now and then. */
function createBreather(clock: Pick<Clock, 'monotonic'>): () => Promise<void> {
  let since = clock.monotonic()
  return async () => {
    if (clock.monotonic() - since < SLICE_MS) return
    await nextTurn()
    since = clock.monotonic()
  }
}
