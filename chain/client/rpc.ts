import { GrpcWebFetchTransport, RpcError, SuiGrpcClient } from '@mysten/sui/grpc'
import { ChainError, isChainError } from '../errors.ts'
import { raceSignal, sleep } from './async.ts'

/** Answers the RPC node is expected to give within; longer means it hangs and the next URL is asked. */
const ATTEMPT_TIMEOUT_MS = 10_000
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
  /** what one answer may take */
  attemptTimeoutMs?: number
}

/** One gRPC call or a chain of them; everything it does through `client` ends with `signal`. */
export type RpcOperation<T> = (client: SuiGrpcClient, signal: AbortSignal, url: string) => Promise<T>

/**
 * Several RPC URLs of one chain as one. It stays with the URL that answered last, so that a client reads its own
 * writes, and moves on only when that one fails.
 */
export class RpcPool {
  readonly urls: readonly string[]
  readonly #network: string
  readonly #closed: AbortSignal
  readonly #attemptTimeoutMs: number
  /** chain IDs of the URLs seen so far: one chain is the only sane answer */
  readonly #chainIds = new Map<string, string>()
  #preferred = 0

  constructor({ urls, network, closed, attemptTimeoutMs = ATTEMPT_TIMEOUT_MS }: RpcOptions) {
    if (urls.length === 0)
      throw new ChainError('INVALID_ARGUMENT', 'no Sui RPC URL given', { what: 'suiRpc', value: '' })
    this.urls = urls
    this.#network = network
    this.#closed = closed
    this.#attemptTimeoutMs = attemptTimeoutMs
  }

  /**
   * Runs an idempotent operation, on another URL when one fails. Throws RPC_UNAVAILABLE when none answers, RPC_FAILED
   * for an answer that stays the same, the signal's reason when aborted.
   */
  async read<T>(operation: RpcOperation<T>, signal?: AbortSignal): Promise<T> {
    let pauseMs = FIRST_PAUSE_MS
    let lastError: unknown
    for (let round = 0; round < MAX_ROUNDS; round++) {
      for (let i = 0; i < this.urls.length; i++) {
        try {
          return await this.once(operation, signal)
        } catch (error) {
          signal?.throwIfAborted()
          if (!isTransient(error)) throw error
          lastError = error
        }
      }
      if (round + 1 < MAX_ROUNDS) {
        // half of the pause is random, so that thirteen nodes do not return in one instant
        await sleep(pauseMs * (0.5 + Math.random() / 2), this.#bound(signal))
        pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)
      }
    }
    const attempts = MAX_ROUNDS * this.urls.length
    throw new ChainError(
      'RPC_UNAVAILABLE',
      `no Sui RPC answers (${this.urls.join(', ')})`,
      { urls: this.urls, attempts },
      { cause: lastError },
    )
  }

  /**
   * Runs an operation once, for what must not be repeated blindly. A transient failure makes the next call prefer
   * another URL.
   */
  async once<T>(operation: RpcOperation<T>, signal?: AbortSignal): Promise<T> {
    const index = this.#preferred % this.urls.length
    const url = this.urls[index]!
    const bound = this.#bound(signal)
    bound.throwIfAborted()
    // not AbortSignal.timeout: its timer would keep a finished call's signals for the rest of the 10 s
    const late = new AbortController()
    const timer = setTimeout(
      () => late.abort(new DOMException('no answer in time', 'TimeoutError')),
      this.#attemptTimeoutMs,
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
      clearTimeout(timer)
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

/** The transport would call a refused connection INTERNAL, as it does an answer that makes no sense. */
async function fetchOrUnavailable(...args: Parameters<typeof fetch>): Promise<Response> {
  try {
    return await fetch(...args)
  } catch (cause) {
    if (cause instanceof TypeError) throw new RpcError(describe(cause), 'UNAVAILABLE')
    throw cause
  }
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
    return new ChainError('RPC_FAILED', `${url}: ${rpc.message}`, { status, url }, { cause: error })
  }
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    const details = { status: 'DEADLINE_EXCEEDED', url }
    return new ChainError('RPC_FAILED', `${url} does not answer`, details, { cause: error })
  }
  return error
}

function findRpcError(error: unknown): RpcError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof RpcError) return at
  return undefined
}
