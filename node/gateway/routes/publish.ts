import { deadline } from '../../../base/deadline.ts'
import type { Client } from '../../client/types.ts'
import { checkBodyForm } from '../../http/body-form.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import { sendJson } from '../../http/respond.ts'
import type { NetworkFacts } from '../facts.ts'
import type { Arrived, Intake } from '../intake.ts'
import type { GatewayLimits } from '../options.ts'
import { type PublishParams, parsePublishParams } from '../publish-params.ts'
import type { Trouble } from '../trouble.ts'
import { storeResultJson } from '../walrus-json.ts'

interface PublishInit {
  client: Client
  intake: Intake
  limits: GatewayLimits
  facts: (signal: AbortSignal) => Promise<NetworkFacts>
  enabled: boolean
  trouble: Trouble
}

/** `PUT /v1/blobs`. Everything that can be refused is refused before the body is read. */
export function publishBlob(init: PublishInit): Handler {
  const { client, intake, limits, facts, enabled, trouble } = init

  return async exchange => {
    if (!enabled)
      throw new HttpError(403, 'PUBLISHING_OFF', 'this gateway only reads: publishing spends its wallet')
    const params = parsePublishParams(exchange.url.searchParams)
    checkBodyForm(exchange.request)
    const known = await facts(exchange.signal)
    if (params.epochs > known.maxEpochsAhead) {
      throw new HttpError(400, 'INVALID_PARAMETER', `epochs must be at most ${known.maxEpochsAhead}`, {
        metadata: { parameter: 'epochs', max: known.maxEpochsAhead },
      })
    }
    await using arrived = await intake(exchange, Math.min(known.maxBlobBytes, limits.maxBlobBytes))
    await publish(exchange, params, arrived)
  }

  async function publish(
    exchange: Exchange,
    params: PublishParams,
    { source, sizeBytes }: Arrived,
  ): Promise<void> {
    const ms = limits.publishMs + (1000 * sizeBytes) / limits.publishBytesPerSecond
    using limit = deadline(ms, [exchange.signal])
    const result = await client.store(source, { ...params, signal: limit.signal }).catch(error => {
      trouble.notStored(error)
      throw error
    })
    trouble.stored()
    exchange.note({ blobId: result.blobId, bytesIn: sizeBytes, outcome: result.kind })
    sendJson(exchange, 200, storeResultJson(result))
  }
}
