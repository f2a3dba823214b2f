import type { Clock } from '../../../base/clock.ts'
import { ClientError } from '../../client/errors.ts'
import { HttpError } from '../../http/errors.ts'
import type { Handler } from '../../http/exchange.ts'
import { sendJson, sendText } from '../../http/respond.ts'
import { createShared } from '../../http/shared.ts'
import type { GatewayInit } from '../options.ts'
import type { UploadHealth } from '../upload-health.ts'

// health is asked often and by impatient callers
const HEALTH_MS = 5_000

/** `GET /`: what this is, for a person who opens it. */
export function index({
  network,
  page,
  publish,
}: Pick<GatewayInit, 'network' | 'page'> & { publish: boolean }): Handler {
  return async exchange => {
    const base = `http://${exchange.request.headers.host}`
    const commands = [
      ...(publish ? [['store a file', `curl -T FILE "${base}/v1/blobs?epochs=5"`]] : []),
      ['read it back', `curl "${base}/v1/blobs/BLOB_ID" -o FILE`],
      ['is all well?', `curl "${base}/v1/health"`],
      ...(page === undefined ? [] : [['in a browser', `${base}/read`]]),
    ]
    const lines = [
      `Floe gateway, network ${network.name}`,
      'Blobs come from the storage nodes, are checked byte for byte, and are sent from here.',
      '',
      ...commands.map(([what, command]) => `  ${what}:  ${command}`),
      ...(publish ? [] : ['', 'This gateway only reads.']),
      '',
    ].join('\n')
    sendText(exchange, lines, 'text/plain; charset=utf-8')
  }
}

interface HealthInit extends Pick<GatewayInit, 'client' | 'network' | 'ledgerProblem'> {
  publish: boolean
  uploadHealth: UploadHealth
  clock: Clock
}

/**
 * `GET /v1/health`: 200 when the chain answers and a committee serves, and nothing is known that keeps blobs from being
 * stored; otherwise 503 with the reason.
 */
export function health({
  client,
  network,
  publish,
  uploadHealth,
  clock,
  ledgerProblem,
}: HealthInit): Handler {
  const ask = createShared(clock, async unwanted => {
    using limit = clock.deadline(HEALTH_MS, [unwanted])
    return await client.info({ signal: limit.signal })
  })
  return async exchange => {
    const { system, committees } = await ask(exchange.signal).catch(error => {
      throw isTimeout(error) ? new ClientError('CHAIN_UNAVAILABLE', 'Sui does not answer', {}) : error
    })
    const ledger = ledgerProblem?.()
    if (ledger !== undefined) {
      throw new HttpError(503, 'LEDGER_NOT_WRITABLE', ledger.message, {
        metadata: { code: ledger.code },
        retryAfterSeconds: 5,
      })
    }
    if (uploadHealth.problem !== undefined) throw uploadHealth.problem
    sendJson(exchange, 200, {
      status: 'ok',
      network: network.name,
      systemObjectId: network.systemObjectId,
      epoch: system.epoch,
      epochState: committees.state.kind,
      nodes: committees.current.members.length,
      nShards: system.nShards,
      publishing: publish,
    })
  }
}

const isTimeout = (error: unknown) => error instanceof Error && error.name === 'TimeoutError'

/** `GET /metrics`. */
export function metrics({ metrics, clock }: Pick<GatewayInit, 'metrics'> & { clock: Clock }): Handler {
  const collect = metrics && createShared(clock, () => metrics.text())
  return async exchange => {
    if (metrics === undefined || collect === undefined)
      throw new HttpError(404, 'NO_SUCH_ROUTE', 'this gateway keeps no metrics')
    sendText(exchange, await collect(exchange.signal), metrics.contentType)
  }
}
