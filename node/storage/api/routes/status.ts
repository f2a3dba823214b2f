import type { Epoch } from '../../../../codec/types.ts'
import { ERROR_CODES, ProtocolError, toProtocolError } from '../../../../protocols/index.ts'
import { blobIdParam } from '../../../http/blob-id-param.ts'
import { HttpError } from '../../../http/errors.ts'
import { type BlobState, type EventId, liveRegistrations } from '../../store/blob-state.ts'
import type { ApiHandler } from '../exchange.ts'
import type { NodeApiPorts } from '../options.ts'
import { sendSuccess } from '../success.ts'

/** `GET …/status`: what the chain's events say of the blob, as this node has seen them: no other than what is handed out. */
export function blobStatus({ blobState }: Pick<NodeApiPorts, 'blobState'>): ApiHandler {
  return async exchange => {
    const blobId = blobIdParam(exchange.params.blobId)
    exchange.note({ blobId })
    const { state, epoch } = await blobState(blobId)
    sendSuccess(exchange, blobStatusJson(state, epoch))
  }
}

/** `GET /v1/health`: 200 when the node serves, sees its chain and can write. `?detailed=true` lists shards. */
export function health({ health, expectRoom }: Pick<NodeApiPorts, 'health' | 'expectRoom'>): ApiHandler {
  return async exchange => {
    const { signal, url } = exchange
    await expectRoom().catch(cause => {
      throw unhealthy(cause)
    })
    const detailed = url.searchParams.get('detailed') === 'true'
    const told = await health({ detailed, signal }).catch(cause => {
      signal.throwIfAborted()
      throw new ProtocolError('CHAIN_UNAVAILABLE', { cause, retryAfterMs: 5_000 })
    })
    sendSuccess(exchange, told)
  }
}

/** 503, whatever it is that the node cannot do. */
function unhealthy(cause: unknown): HttpError {
  const { code } = toProtocolError(cause)
  return new HttpError(503, code, ERROR_CODES[code].text, { retryAfterSeconds: 5, cause })
}

/**
 * A blob's status as Walrus's clients parse it: `"nonexistent"`, or one of `invalid`, `permanent`, `deletable`, in
 * camelCase but for the two counts. Nodes that have seen the same events give the same bytes: clients compare them.
 */
export function blobStatusJson(state: BlobState | undefined, epoch: Epoch): 'nonexistent' | object {
  if (state?.invalid === true) return { invalid: { event: eventJson(state.invalidEvent) } }
  const live = liveRegistrations(state, epoch)
  const deletable = live.filter(registration => registration.deletable)
  const permanent = live.filter(registration => !registration.deletable)
  const certified = live.some(registration => registration.certified)
  const common = {
    deletableCounts: {
      count_deletable_total: deletable.length,
      count_deletable_certified: deletable.filter(registration => registration.certified).length,
    },
    initialCertifiedEpoch: (certified ? state?.initialCertifiedEpoch : undefined) ?? null,
  }
  // a certified registration says more than a longer one that is not
  const [best] = permanent.toSorted(
    (a, b) => Number(b.certified) - Number(a.certified) || b.endEpoch - a.endEpoch,
  )
  if (best !== undefined) {
    const { endEpoch, certified: isCertified, event } = best
    return { permanent: { ...common, endEpoch, isCertified, statusEvent: eventJson(event) } }
  }
  return deletable.length > 0 ? { deletable: common } : 'nonexistent'
}

function eventJson(event: EventId | undefined): { txDigest: string; eventSeq: string } {
  return { txDigest: event?.txDigest ?? '', eventSeq: String(event?.eventSeq ?? 0) }
}
