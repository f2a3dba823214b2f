import type { Clock } from '../../../base/clock.ts'
import { maxBlobSize } from '../../../codec/index.ts'
import type { Client } from '../../client/types.ts'
import { checkBodyForm } from '../../http/body-form.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import { sendJson } from '../../http/respond.ts'
import { createShared } from '../../http/shared.ts'
import type { GatewayLimits } from '../options.ts'
import { type PublishParams, parsePublishParams } from '../publish-params.ts'
import type { UploadHealth } from '../upload-health.ts'
import type { ReceivedUpload, ReceiveUpload } from '../upload-receiver.ts'
import { storeResultJson } from '../walrus-json.ts'

interface PublishInit {
  client: Client
  clock: Clock
  receive: ReceiveUpload
  limits: GatewayLimits
  enabled: boolean
  uploadHealth: UploadHealth
}

/** `PUT /v1/blobs`. Everything that can be refused is refused before the body is read. */
export function publishBlob(init: PublishInit): Handler {
  const { client, clock, receive, limits, enabled, uploadHealth } = init
  const networkLimits = shareNetworkLimits(client, clock, limits.readMs)

  return async exchange => {
    if (!enabled)
      throw new HttpError(403, 'PUBLISHING_OFF', 'this gateway only reads: publishing spends its wallet')
    const params = parsePublishParams(exchange.url.searchParams)
    checkBodyForm(exchange.request)
    const { maxEpochsAhead, maxBlobBytes } = await networkLimits(exchange.signal)
    if (params.epochs > maxEpochsAhead) {
      throw new HttpError(400, 'INVALID_PARAMETER', `epochs must be at most ${maxEpochsAhead}`, {
        metadata: { parameter: 'epochs', max: maxEpochsAhead },
      })
    }
    await using received = await receive(exchange, Math.min(maxBlobBytes, limits.maxBlobBytes))
    await publish(exchange, params, received)
  }

  async function publish(
    exchange: Exchange,
    params: PublishParams,
    { source, sizeBytes }: ReceivedUpload,
  ): Promise<void> {
    const ms = limits.publishMs + (1000 * sizeBytes) / limits.publishBytesPerSecond
    using limit = clock.deadline(ms, [exchange.signal])
    const result = await client.store(source, { ...params, signal: limit.signal }).catch(error => {
      uploadHealth.failed(error)
      throw error
    })
    uploadHealth.succeeded()
    exchange.note({ blobId: result.blobId, bytesIn: sizeBytes, outcome: result.kind })
    sendJson(exchange, 200, storeResultJson(result))
  }
}

/** What the gateway must know of the network before it takes a body. */
interface NetworkLimits {
  maxBlobBytes: number
  maxEpochsAhead: number
}

// limits change by votes and upgrades only, and the client checks again: this saves a round trip, no more
const FRESH_MS = 60_000

/** Asks the network at most once a minute, and once for all that wait. A failure is not kept. */
function shareNetworkLimits(
  client: Client,
  clock: Clock,
  timeoutMs: number,
): (signal: AbortSignal) => Promise<NetworkLimits> {
  return createShared(
    clock,
    async () => {
      using limit = clock.deadline(timeoutMs)
      const { system } = await client.info({ signal: limit.signal })
      return { maxBlobBytes: maxBlobSize(system.nShards), maxEpochsAhead: system.maxEpochsAhead }
    },
    FRESH_MS,
  )
}
