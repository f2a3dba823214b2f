import { HttpError } from '../../http/errors.ts'
import type { Handler } from '../../http/exchange.ts'
import { sendJson, sendText } from '../../http/respond.ts'
import type { GatewayInit } from '../options.ts'

// health is asked often and by impatient callers
const HEALTH_MS = 5_000

/** `GET /`: what this is, for whoever opens it. */
export function index({ network, publish }: { network: GatewayInit['network']; publish: boolean }): Handler {
  return async exchange => {
    const base = `http://${exchange.request.headers.host}`
    const commands = [
      ...(publish ? [['store a file', `curl -T FILE "${base}/v1/blobs?epochs=5"`]] : []),
      ['read it back', `curl "${base}/v1/blobs/BLOB_ID" -o FILE`],
      ['is all well?', `curl "${base}/v1/health"`],
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

/** `GET /v1/health`: 200 when the chain answers and a committee serves, otherwise 503. */
export function health({
  client,
  network,
  publish,
}: Pick<GatewayInit, 'client' | 'network'> & { publish: boolean }): Handler {
  return async exchange => {
    const signal = AbortSignal.any([exchange.signal, AbortSignal.timeout(HEALTH_MS)])
    const { system, committees } = await client.info({ signal })
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

/** `GET /metrics`. */
export function metrics({ metrics }: Pick<GatewayInit, 'metrics'>): Handler {
  return async exchange => {
    if (metrics === undefined) throw new HttpError(404, 'NO_SUCH_ROUTE', 'this gateway keeps no metrics')
    sendText(exchange, await metrics.text(), metrics.contentType)
  }
}
