import { GrpcWebFetchTransport, RpcError, SuiGrpcClient } from '@mysten/sui/grpc'
import { raceSignal } from 'race-signal'
import { createBackoff } from '../../base/backoff.ts'
import { causesOf } from '../../base/causes.ts'
import type { Clock } from '../../base/clock.ts'
import { ChainError, isChainError } from '../errors.ts'

/** Answers the RPC node is expected to give within; longer means it hangs and the next URL is asked. */
const ATTEMPT_TIMEOUT_MS = 10_000
/** A read's patience with nodes that say nothing: one more try after a first that took all its time. */
const SILENCE_MS = 15_000
/** Of many URLs each gets at least such a part of it. */
const MIN_PART = 1 / 4
/** Rounds over all URLs; with the pauses below an outage of about 2 s is bridged. */
const MAX_ROUNDS = 6
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 2_000

/** gRPC statuses that another node, or the same one a moment later, may not give. */
const TRANSIENT = new Set([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'RESOURCE_EXHAUSTED',
  'UNKNOWN',
  'ABORTED',
  'DATA_LOSS', // how the transport calls a reply that was cut off
])

const CUT_OFF = /^terminated|other side closed|missing status|missing response/

export interface RpcOptions {
  urls: readonly string[]
  /** name of the network as the SDK takes it */
  network: string
  /** ends everything that is under way */
  closed: AbortSignal
  clock: Clock
  /** 0 to 1, for pauses */
  random: () => number
  /** what one answer may take */
  attemptTimeoutMs?: number
  /** how long a read goes on with nodes that say nothing */
  silenceMs?: number
}

/** One gRPC call or a chain of them; everything it does through `client` ends with `signal`. */
export type RpcOperation<T> = (client: SuiGrpcClient, signal: AbortSignal, url: string) => Promise<T>

/**
 * Several RPC URLs of one chain as one. It stays with the URL that answered last, so that a client reads its own
 * writes, and moves on only when that one fails.
 */
export class RpcPool {
  readonly urls: readonly string[]
  /** of all that goes through it */
  readonly clock: Clock
  readonly random: () => number
  readonly #network: string
  readonly #closed: AbortSignal
  readonly #attemptTimeoutMs: number
  readonly #silenceMs: number
  /** chain IDs of the URLs seen so far: one chain is the only sane answer */
  readonly #chainIds = new Map<string, string>()
  #preferred = 0

  constructor({
    urls,
    network,
    closed,
    clock,
    random,
    attemptTimeoutMs = ATTEMPT_TIMEOUT_MS,
    silenceMs = SILENCE_MS,
  }: RpcOptions) {
    if (urls.length === 0)
      throw new ChainError('INVALID_ARGUMENT', 'no Sui RPC URL given', { what: 'suiRpc', value: '' })
    this.urls = urls
    this.clock = clock
    this.random = random
    this.#network = network
    this.#closed = closed
    this.#attemptTimeoutMs = attemptTimeoutMs
    this.#silenceMs = silenceMs
  }

  /**
   * Runs an idempotent operation, on another URL when one fails. Throws RPC_UNAVAILABLE when none serves, RPC_FAILED
   * for an answer that stays the same, the signal's reason when aborted.
   */
  async read<T>(operation: RpcOperation<T>, signal?: AbortSignal): Promise<T> {
    // half of a pause is random, so that thirteen nodes do not return in one instant
    const backoff = createBackoff({
      firstMs: FIRST_PAUSE_MS,
      maxMs: MAX_PAUSE_MS,
      jitter: 0.5,
      random: this.random,
      timers: this.clock,
    })
    const failures = new Map<string, unknown>()
    let attempts = 0
    // counted by what attempts were given, not by the clock: our own stalls are nobody's silence
    let silenceMs = this.#silenceMs * Math.max(1, this.urls.length * MIN_PART)
    const eachMs = Math.min(this.#attemptTimeoutMs, silenceMs / this.urls.length)
    for (let round = 0; round < MAX_ROUNDS; round++) {
      for (let i = 0; i < this.urls.length; i++) {
        const url = this.urls[this.#preferred % this.urls.length]!
        const timeoutMs = Math.min(eachMs, silenceMs)
        try {
          attempts++
          return await this.once(operation, signal, timeoutMs)
        } catch (error) {
          signal?.throwIfAborted()
          if (!isTransient(error)) throw error
          failures.set(url, error)
          if (isSilence(error)) silenceMs -= timeoutMs
          if (silenceMs <= 0) throw this.#unavailable(failures, attempts)
        }
      }
      if (round + 1 < MAX_ROUNDS) await backoff.pause(this.#bound(signal))
    }
    throw this.#unavailable(failures, attempts)
  }

  /** Says of each URL whether it is silent, or what it answered. */
  #unavailable(failures: ReadonlyMap<string, unknown>, attempts: number): ChainError {
    const cause = [...failures.values()].at(-1)
    const { status, httpStatus } = isChainError(cause, 'RPC_FAILED') ? cause.details : {}
    const details = {
      urls: this.urls,
      attempts,
      status,
      httpStatus,
    }
    const answered = [...failures.values()].filter(error => isChainError(error) && !isAbsence(error))
    const message =
      answered.length === 0
        ? `no Sui RPC answers (${this.urls.join(', ')})`
        : `no Sui RPC serves: ${answered.map(error => (error as Error).message).join('; ')}`
    return new ChainError('RPC_UNAVAILABLE', message, details, { cause })
  }

  /**
   * Runs an operation once, for what must not be repeated blindly. A transient failure makes the next call prefer
   * another URL.
   */
  async once<T>(
    operation: RpcOperation<T>,
    signal?: AbortSignal,
    timeoutMs = this.#attemptTimeoutMs,
  ): Promise<T> {
    const index = this.#preferred % this.urls.length
    const url = this.urls[index]!
    const bound = this.#bound(signal)
    bound.throwIfAborted()
    const late = new AbortController()
    const countdown = this.clock.countdown(timeoutMs, () =>
      late.abort(new DOMException('no answer in time', 'TimeoutError')),
    )
    const attempt = AbortSignal.any([bound, late.signal])
    try {
      const client = this.#client(url, attempt)
      await this.#checkChain(client, url)
      return await raceSignal(operation(client, attempt, url), attempt)
    } catch (error) {
      bound.throwIfAborted()
      const failure = toRpcFailure(error, url)
      if (isTransient(failure) && this.#preferred === index) this.#preferred = (index + 1) % this.urls.length
      throw failure
    } finally {
      countdown.stop()
    }
  }

  /** A client on the preferred URL for a stream without a time limit; the caller reports its failure by `failed(url)`. */
  async stream(signal: AbortSignal): Promise<{ client: SuiGrpcClient; url: string }> {
    // asking which chain it serves is a call like any other: it has a time limit, and its failure moves on
    const url = await this.once(async (_client, _signal, reached) => reached, signal)
    return { client: this.#client(url, this.#bound(signal)), url }
  }

  /** Makes the next call prefer another URL. */
  failed(url: string): void {
    const index = this.urls.indexOf(url)
    if (index === this.#preferred) this.#preferred = (index + 1) % this.urls.length
  }

  #bound(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closed]) : this.#closed
  }

  #client(url: string, signal: AbortSignal): SuiGrpcClient {
    return new SuiGrpcClient({ network: this.#network, transport: new BoundTransport(url, signal) })
  }

  async #checkChain(client: SuiGrpcClient, url: string): Promise<void> {
    if (this.urls.length === 1 || this.#chainIds.has(url)) return
    const { response } = await client.ledgerService.getServiceInfo({})
    const actual = response.chainId ?? ''
    const expected = this.#chainIds.values().next().value
    if (expected !== undefined && expected !== actual) {
      throw new ChainError('WRONG_CHAIN', `${url} serves another chain than the other RPC URLs`, {
        url,
        expected,
        actual,
      })
    }
    this.#chainIds.set(url, actual)
  }
}

/** Every call ends with the signal, those too that the SDK makes on its own without one. */
class BoundTransport extends GrpcWebFetchTransport {
  readonly #signal: AbortSignal

  constructor(baseUrl: string, signal: AbortSignal) {
    super({ baseUrl, format: 'binary', fetch: fetchOrUnavailable })
    this.#signal = signal
  }

  override mergeOptions(options?: Parameters<GrpcWebFetchTransport['mergeOptions']>[0]) {
    const own = options?.abort
    return super.mergeOptions({
      ...options,
      abort: own ? AbortSignal.any([own, this.#signal]) : this.#signal,
    })
  }
}

/** No connection, or one that broke before an answer. */
class Unreached extends RpcError {}

/** An answer in HTTP alone: of a proxy before the RPC, or of something that is none. */
class HttpFailure extends RpcError {
  readonly httpStatus: number

  constructor({ ok, status, statusText, headers }: Response) {
    const instead = ok ? ` with ${headers.get('content-type') ?? 'something'}, which is no gRPC` : ''
    super(`answers HTTP ${status}${statusText && ` ${statusText}`}${instead}`, grpcStatusOf(status))
    this.httpStatus = status
  }
}

/** As gRPC maps them, but for pages, 408 and all of 5xx: another node, or a moment later, may serve. */
function grpcStatusOf(httpStatus: number): string {
  if (httpStatus === 429) return 'RESOURCE_EXHAUSTED'
  if (httpStatus < 300 || httpStatus === 408 || httpStatus >= 500) return 'UNAVAILABLE'
  if (httpStatus === 401) return 'UNAUTHENTICATED'
  if (httpStatus === 403) return 'PERMISSION_DENIED'
  return 'UNIMPLEMENTED'
}

/** The transport would call a refused connection INTERNAL, as it does an answer that makes no sense. */
async function fetchOrUnavailable(...args: Parameters<typeof fetch>): Promise<Response> {
  let response: Response
  try {
    response = await fetch(...args)
  } catch (cause) {
    if (cause instanceof TypeError) throw new Unreached(describe(cause), 'UNAVAILABLE')
    throw cause
  }
  const isGrpc = response.ok && response.headers.get('content-type')?.startsWith('application/grpc')
  if (isGrpc || response.headers.has('grpc-status')) return response
  // a body that nobody reads would keep its connection
  await response.body?.cancel()
  throw new HttpFailure(response)
}

function describe(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

/** True for an error after which the same call may succeed elsewhere or later. */
export function isTransient(error: unknown): boolean {
  return (
    (isChainError(error, 'RPC_FAILED') && TRANSIENT.has(error.details.status)) ||
    isChainError(error, 'WRONG_CHAIN') ||
    isChainError(error, 'RPC_UNAVAILABLE')
  )
}

/** The gRPC status of an error that `read` or `once` threw. */
export function rpcStatus(error: unknown): string | undefined {
  return isChainError(error, 'RPC_FAILED') ? error.details.status : undefined
}

function toRpcFailure(error: unknown, url: string): unknown {
  const rpc = findRpcError(error)
  if (rpc) {
    // a connection that was cut while the body arrived reads as INTERNAL with fetch's own word
    const status = rpc.code === 'INTERNAL' && CUT_OFF.test(rpc.message) ? 'UNAVAILABLE' : rpc.code
    if (rpc instanceof HttpFailure) {
      const { httpStatus, message } = rpc
      return new ChainError('RPC_FAILED', `${url} ${message}`, { status, url, httpStatus }, { cause: error })
    }
    return new ChainError('RPC_FAILED', `${url}: ${rpc.message}`, { status, url }, { cause: error })
  }
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    const details = { status: 'DEADLINE_EXCEEDED', url }
    return new ChainError('RPC_FAILED', `${url} does not answer`, details, { cause: error })
  }
  return error
}

/** It was given its time, and said nothing. */
function isSilence(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof DOMException && error.cause.name === 'TimeoutError'
}

/** Whether there was no answer at all, rather than one that says why not. */
function isAbsence(error: unknown): boolean {
  const rpc = findRpcError(error)
  return isSilence(error) || rpc instanceof Unreached || (rpc !== undefined && CUT_OFF.test(rpc.message))
}

function findRpcError(error: unknown): RpcError | undefined {
  return causesOf(error).find(cause => cause instanceof RpcError)
}
