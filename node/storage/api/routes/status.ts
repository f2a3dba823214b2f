import { raceSignal } from 'race-signal'
import { ERROR_CODES, ProtocolError, toProtocolError } from '../../../../protocols/index.ts'
import type { NodeInfo, StatusSource } from '../../../../protocols/ports.ts'
import { blobIdParam } from '../../../http/blob-id-param.ts'
import { HttpError } from '../../../http/errors.ts'
import type { Pieces } from '../../custody/pieces.ts'
import { blobStatusJson } from '../blob-status-json.ts'
import type { FaceHandler } from '../exchange.ts'
import { sendSuccess } from '../success.ts'

/** `GET …/status`: what the chain's events say of the blob, as this node has seen them. */
export function blobStatus(pieces: Pieces): FaceHandler {
  return async exchange => {
    const blobId = blobIdParam(exchange.params.blobId)
    exchange.note({ blobId })
    const { state, epoch } = await pieces.state(blobId, exchange.context)
    sendSuccess(exchange, blobStatusJson(state, epoch))
  }
}

/** `GET /v1/health`: 200 when the node serves, sees its chain and can write. */
export function health(
  status: Pick<StatusSource, 'nodeInfo'>,
  { expectRoom }: Pick<Pieces, 'expectRoom'>,
): FaceHandler {
  return async exchange => {
    await expectRoom().catch(cause => {
      throw unhealthy(cause)
    })
    const { nodeId, network, version, epoch, shards, storedBlobs, storedBytes } = await ask(
      status,
      exchange.signal,
    )
    sendSuccess(exchange, {
      nodeStatus: 'Active',
      nodeId,
      network,
      version,
      epoch,
      shardSummary: { owned: shards.length },
      storedBlobs,
      storedBytes,
    })
  }
}

async function ask(status: Pick<StatusSource, 'nodeInfo'>, signal: AbortSignal): Promise<NodeInfo> {
  try {
    return await raceSignal(status.nodeInfo(), signal)
  } catch (cause) {
    signal.throwIfAborted()
    throw new ProtocolError('CHAIN_UNAVAILABLE', { cause, retryAfterMs: 5_000 })
  }
}

/** Whoever asks how the node is gets 503, whatever it is that it cannot do. */
function unhealthy(cause: unknown): HttpError {
  const { code } = toProtocolError(cause)
  return new HttpError(503, code, ERROR_CODES[code].text, { retryAfterSeconds: 5, cause })
}
