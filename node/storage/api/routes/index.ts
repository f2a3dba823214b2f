import { ProtocolError } from '../../../../protocols/index.ts'
import { blobIdParam } from '../../../http/blob-id-param.ts'
import type { ApiHandler, ApiRoute } from '../exchange.ts'
import type { NodeApiInit, NodeApiLimits } from '../options.ts'
import { confirmDeletable, confirmPermanent } from './confirmation.ts'
import { judgeProof } from './inconsistency.ts'
import { getMetadata, metadataStatus, putMetadata } from './metadata.ts'
import { getSliver, putSliver, sliverStatus } from './slivers.ts'
import { blobStatus, health } from './status.ts'

/** Every route of a storage node. */
export function createRoutes(init: NodeApiInit, limits: NodeApiLimits): ApiRoute[] {
  const { custody, isBlocked = () => false } = init
  // what the operator may not hand out, it need not take in or vouch for either
  const open =
    (handler: ApiHandler): ApiHandler =>
    async exchange => {
      const blobId = blobIdParam(exchange.params.blobId)
      if (isBlocked(blobId)) throw new ProtocolError('BLOCKED', { details: { blobId } })
      await handler(exchange)
    }
  const route = (pattern: string, methods: ApiRoute['methods']): ApiRoute => ({
    pattern,
    methods,
    readableByPages: true,
  })
  const blob = '/v1/blobs/:blobId'
  const sliver = `${blob}/slivers/:pair/:axis`
  return [
    route(`${blob}/metadata`, {
      GET: open(getMetadata(init, limits)),
      PUT: open(putMetadata(init, limits)),
    }),
    route(`${blob}/metadata/status`, { GET: metadataStatus(init) }),
    route(sliver, { GET: open(getSliver(init, limits)), PUT: open(putSliver(init, limits)) }),
    route(`${sliver}/status`, { GET: sliverStatus(init) }),
    route(`${blob}/confirmation/permanent`, { GET: open(confirmPermanent(custody)) }),
    route(`${blob}/confirmation/deletable/:objectId`, { GET: open(confirmDeletable(custody)) }),
    route(`${blob}/inconsistencyProof/:axis`, { POST: open(judgeProof(init, limits)) }),
    route(`${blob}/status`, { GET: blobStatus(init) }),
    route('/v1/health', { GET: health(init) }),
  ]
}
