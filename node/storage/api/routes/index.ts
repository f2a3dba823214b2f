import { ProtocolError } from '../../../../protocols/index.ts'
import { blobIdParam } from '../../../http/blob-id-param.ts'
import type { FaceHandler, FaceRoute } from '../exchange.ts'
import type { HttpFaceInit, HttpFaceLimits } from '../options.ts'
import { confirmDeletable, confirmPermanent } from './confirmation.ts'
import { getMetadata, metadataStatus, putMetadata } from './metadata.ts'
import { getSliver, putSliver, sliverStatus } from './slivers.ts'
import { blobStatus, health } from './status.ts'

/** Every route of a storage node. */
export function createRoutes(init: HttpFaceInit, limits: HttpFaceLimits): FaceRoute[] {
  const { pieces, isBlocked = () => false } = init
  // what the operator may not hand out, it need not take in or vouch for either
  const open =
    (handler: FaceHandler): FaceHandler =>
    async exchange => {
      const blobId = blobIdParam(exchange.params.blobId)
      if (isBlocked(blobId)) throw new ProtocolError('BLOCKED', { args: { blobId } })
      await handler(exchange)
    }
  const route = (pattern: string, methods: FaceRoute['methods']): FaceRoute => ({
    pattern,
    methods,
    readableByPages: true,
  })
  const blob = '/v1/blobs/:blobId'
  const sliver = `${blob}/slivers/:pair/:axis`
  return [
    route(`${blob}/metadata`, {
      GET: open(getMetadata(pieces, limits)),
      PUT: open(putMetadata(pieces, limits)),
    }),
    route(`${blob}/metadata/status`, { GET: metadataStatus(pieces) }),
    route(sliver, { GET: open(getSliver(pieces, limits)), PUT: open(putSliver(pieces, limits)) }),
    route(`${sliver}/status`, { GET: sliverStatus(pieces) }),
    route(`${blob}/confirmation/permanent`, { GET: open(confirmPermanent(pieces)) }),
    route(`${blob}/confirmation/deletable/:objectId`, { GET: open(confirmDeletable(pieces)) }),
    route(`${blob}/status`, { GET: blobStatus(pieces) }),
    route('/v1/health', { GET: health(init.status, pieces) }),
  ]
}
