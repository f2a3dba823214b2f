import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { maxBlobSize } from '../../codec/index.ts'
import type { Client, StoreOptions, StoreResult, StoreSource } from '../client/types.ts'
import { HttpError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'
import { createShared } from '../http/shared.ts'
import type { Progress } from './answered-once.ts'
import type { GatewayLimits } from './options.ts'
import { invalidParameter } from './parameters.ts'
import { type PublishParams, parsePublishParams } from './publish-params.ts'
import type { Counted, Quotas } from './quotas.ts'
import type { Reservations } from './reservations.ts'
import { expectAllowed, expectCurrent, expectSize, type Token, type Tokens } from './tokens.ts'
import type { UploadHealth } from './upload-health.ts'

export interface PublishingInit {
  client: Client
  clock: Clock
  limits: GatewayLimits
  enabled: boolean
  /** who may store by a token; anybody, without one, when absent */
  tokens: Tokens | undefined
  quotas: Quotas | undefined
  reservations: Reservations
  uploadHealth: UploadHealth
}

/** Who wants to store, by what the request proves. */
export interface Asker {
  token: Token | undefined
  /** whose keys of retries are whose */
  name: string
}

/** How a request is let in. */
export interface AdmitOptions {
  checkForm: (request: IncomingMessage) => void
  /** of the blob that is to come; not known beforehand when absent */
  declaredBytes: number | undefined
  /** It was let in before: an expired token, and a quota that is used up by now, are no reason to refuse its retry. */
  isRetry?: boolean
}

/** An upload that is let in. */
export interface Upload {
  source: StoreSource
  sizeBytes: number
}

/** What may be stored, and how. */
export interface PublishGrant {
  params: PublishParams
  nShards: number
  /** of a blob */
  maxBytes: number
  token: Token | undefined
}

/** What the gateway must know of the network before it takes a body. */
interface NetworkLimits {
  nShards: number
  maxEpochsAhead: number
}

/** What an upload takes of a token and of quotas. */
export interface Taken extends AsyncDisposable {
  /** Something may have been paid for it. */
  keep(): void
}

/** What is remembered of an upload for its retries. */
export interface Kept {
  id: string
  progress: Progress
  signal: AbortSignal
}

type RunOptions = Pick<StoreOptions, 'signal' | 'onSubmitted' | 'onRegistered' | 'goOnWith' | 'mayHaveBegun'>

/** Storing at the cost of the gateway's wallet, whatever form it comes in. */
export interface Publishing {
  /** Throws HttpError 403 where nothing is stored, 401 for a token that is none. */
  ask(exchange: Exchange): Promise<Asker>
  /** Refuses what can be refused before a body is read. Throws HttpError. */
  admit(exchange: Exchange, asker: Asker, options: AdmitOptions): Promise<PublishGrant>
  /** Uses the token up and counts the upload; takes that back when it is disposed of and was not kept. */
  take(
    exchange: Exchange,
    grant: Pick<PublishGrant, 'token'>,
    bytes: number,
    request?: string,
  ): Promise<Taken>
  /** Stores what was admitted and counted; `id` is of what may be tried again. */
  run(params: PublishParams, source: StoreSource, options: RunOptions, id?: string): Promise<StoreResult>
  /** Counts it and stores it. Hanging up ends that, unless it is `kept`: then only the signal does, and retries go on with it. */
  store(exchange: Exchange, grant: PublishGrant, upload: Upload, kept?: Kept): Promise<StoreResult>
}

// limits change by votes and upgrades only, and the client checks again: this saves a round trip, no more
const FRESH_MS = 60_000

export function createPublishing(init: PublishingInit): Publishing {
  const { client, clock, limits, enabled, tokens, quotas, reservations, uploadHealth } = init
  const networkLimits = createShared<NetworkLimits>(
    clock,
    async unwanted => {
      using limit = clock.deadline(limits.readMs, [unwanted])
      const { nShards, maxEpochsAhead } = (await client.info({ signal: limit.signal })).system
      return { nShards, maxEpochsAhead }
    },
    FRESH_MS,
  )
  const run: Publishing['run'] = async (params, source, options, id) => {
    const wantsOwnObject = params.force || params.share || params.sendObjectTo !== undefined
    try {
      const result = await client.store(source, {
        ...params,
        ...options,
        mayTake: objectId => reservations.mayTake(objectId, id),
        async onRegistered(objectId) {
          await options.onRegistered?.(objectId)
          if (wantsOwnObject && id !== undefined) await reservations.reserve(objectId, id)
        },
      })
      if (wantsOwnObject && id !== undefined && result.kind === 'newlyCreated')
        await reservations.free(result.blob.objectId).catch(() => undefined)
      uploadHealth.succeeded()
      return result
    } catch (error) {
      uploadHealth.failed(error)
      throw error
    }
  }

  return {
    take: (exchange, { token }, bytes, request) => take(init, exchange, token, bytes, request),
    run,
    async ask(exchange) {
      if (!enabled)
        throw new HttpError(403, 'PUBLISHING_OFF', 'this gateway only reads: publishing spends its wallet')
      const token = await tokens?.read(exchange)
      const name = token?.subject === undefined ? `address ${exchange.address}` : `subject ${token.subject}`
      return { token, name }
    },
    async admit(exchange, { token }, { checkForm, declaredBytes, isRetry = false }) {
      const { url, request, signal } = exchange
      const params = parsePublishParams(url.searchParams)
      checkForm(request)
      if (token !== undefined) expectAllowed(token, params, declaredBytes)
      if (!isRetry) {
        if (token !== undefined) expectCurrent(token)
        await quotas?.expect(whoOf(exchange, token), declaredBytes ?? 0)
      }
      const { maxEpochsAhead, nShards } = await networkLimits(signal)
      if (params.epochs > maxEpochsAhead)
        throw invalidParameter('epochs', `must be at most ${maxEpochsAhead}`)
      const mine = token?.size ?? token?.maxSize ?? Number.POSITIVE_INFINITY
      const maxBytes = Math.min(maxBlobSize(nShards), limits.maxBlobBytes, mine)
      return { params, nShards, maxBytes, token }
    },
    async store(exchange, { params, token }, { source, sizeBytes }, kept) {
      const { progress } = kept ?? {}
      await using use = progress?.isTaken ? undefined : await take(init, exchange, token, sizeBytes, kept?.id)
      await progress?.taken()
      const ms = limits.publishMs + (1000 * sizeBytes) / limits.publishBytesPerSecond
      using limit = clock.deadline(ms, [kept?.signal ?? exchange.signal])
      const options: RunOptions = {
        signal: limit.signal,
        goOnWith: progress?.registered,
        mayHaveBegun: progress?.isRetry,
        onRegistered: progress?.onRegistered,
        // the wallet stays charged, though the sender hangs up or time is over
        onSubmitted() {
          use?.keep()
          progress?.onSubmitted()
        },
      }
      const result = await run(params, source, options, kept?.id)
      use?.keep()
      exchange.note({ blobId: result.blobId, bytesIn: sizeBytes, outcome: result.kind })
      return result
    },
  }
}

/** Counts an upload, and takes that back unless it is kept. */
async function take(
  { tokens, quotas }: Pick<PublishingInit, 'tokens' | 'quotas'>,
  exchange: Exchange,
  token: Token | undefined,
  bytes: number,
  request?: string,
): Promise<Taken> {
  let kept = false
  const who = whoOf(exchange, token)
  if (token !== undefined) {
    expectSize(token, bytes)
    await tokens?.use(token, request)
  }
  let counted: Counted | undefined
  try {
    counted = await quotas?.take(who, bytes)
  } catch (error) {
    if (token !== undefined) await tokens?.giveBack(token)
    throw error
  }
  return {
    keep() {
      kept = true
    },
    async [Symbol.asyncDispose]() {
      if (kept) return
      if (token !== undefined) await tokens?.giveBack(token)
      if (counted !== undefined) await quotas?.giveBack(counted)
    },
  }
}

/** Whom an upload counts for. */
function whoOf({ address }: Exchange, token: Token | undefined): string[] {
  const subject = token?.subject
  return [`address ${address}`, ...(subject === undefined ? [] : [`subject ${subject}`])]
}
