import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../base/clock.ts'
import { maxBlobSize } from '../../codec/index.ts'
import type { Client, StoreResult, StoreSource } from '../client/types.ts'
import { HttpError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'
import { createShared } from '../http/shared.ts'
import type { GatewayLimits } from './options.ts'
import { invalidParameter } from './parameters.ts'
import { type PublishParams, parsePublishParams } from './publish-params.ts'
import type { UploadHealth } from './upload-health.ts'

export interface PublishingInit {
  client: Client
  clock: Clock
  limits: GatewayLimits
  enabled: boolean
  uploadHealth: UploadHealth
}

/** What may be stored, and how. */
export interface Admitted {
  params: PublishParams
  nShards: number
  /** of a blob */
  maxBytes: number
}

/** What the gateway must know of the network before it takes a body. */
interface NetworkLimits {
  nShards: number
  maxEpochsAhead: number
}

/** Storing at the cost of the gateway's wallet, whatever form it comes in. */
export interface Publishing {
  /** Refuses what can be refused before a body is read. Throws HttpError. */
  admit(exchange: Exchange, checkForm: (request: IncomingMessage) => void): Promise<Admitted>
  store(
    exchange: Exchange,
    params: PublishParams,
    blob: { source: StoreSource; sizeBytes: number },
  ): Promise<StoreResult>
}

// limits change by votes and upgrades only, and the client checks again: this saves a round trip, no more
const FRESH_MS = 60_000

export function createPublishing(init: PublishingInit): Publishing {
  const { client, clock, limits, enabled, uploadHealth } = init
  const networkLimits = createShared<NetworkLimits>(
    clock,
    async () => {
      using limit = clock.deadline(limits.readMs)
      const { nShards, maxEpochsAhead } = (await client.info({ signal: limit.signal })).system
      return { nShards, maxEpochsAhead }
    },
    FRESH_MS,
  )
  return {
    async admit({ url, request, signal }, checkForm) {
      if (!enabled)
        throw new HttpError(403, 'PUBLISHING_OFF', 'this gateway only reads: publishing spends its wallet')
      const params = parsePublishParams(url.searchParams)
      checkForm(request)
      const { maxEpochsAhead, nShards } = await networkLimits(signal)
      if (params.epochs > maxEpochsAhead)
        throw invalidParameter('epochs', `must be at most ${maxEpochsAhead}`)
      return { params, nShards, maxBytes: Math.min(maxBlobSize(nShards), limits.maxBlobBytes) }
    },
    async store(exchange, params, { source, sizeBytes }) {
      const ms = limits.publishMs + (1000 * sizeBytes) / limits.publishBytesPerSecond
      using limit = clock.deadline(ms, [exchange.signal])
      const result = await client.store(source, { ...params, signal: limit.signal }).catch(error => {
        uploadHealth.failed(error)
        throw error
      })
      uploadHealth.succeeded()
      exchange.note({ blobId: result.blobId, bytesIn: sizeBytes, outcome: result.kind })
      return result
    },
  }
}
