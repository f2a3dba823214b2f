import { createGate } from '../../http/gate.ts'
import type { Route } from '../../http/router.ts'
import { createNetworkFacts } from '../facts.ts'
import type { GatewayInit, GatewayLimits } from '../options.ts'
import { health, index, metrics } from './about.ts'
import { publishBlob } from './publish.ts'
import { readBlob } from './read.ts'

/** Every route of the gateway, and the bounds on what they do at a time. */
export function createRoutes(init: GatewayInit, limits: GatewayLimits): Route[] {
  const { client, network } = init
  const publish = init.publish ?? network.kind === 'localnet'
  const { waiting: maxWaiting, waitMs } = limits
  const uploads = createGate({ slots: limits.uploads, capacityBytes: limits.uploadBytes, maxWaiting, waitMs })
  const downloads = createGate({
    slots: limits.downloads,
    capacityBytes: limits.downloadBytes,
    maxWaiting,
    waitMs,
  })
  const facts = createNetworkFacts(client, limits.readMs)
  return [
    { pattern: '/', methods: { GET: index({ network, publish }) }, readableByPages: true },
    {
      pattern: '/v1/blobs',
      methods: { PUT: publishBlob({ client, gate: uploads, limits, facts, enabled: publish }) },
      readableByPages: false,
    },
    {
      pattern: '/v1/blobs/:blobId',
      methods: { GET: readBlob({ client, gate: downloads, limits }) },
      readableByPages: true,
    },
    { pattern: '/v1/health', methods: { GET: health({ client, network, publish }) }, readableByPages: true },
    // traffic figures are the operator's business, not that of pages
    { pattern: '/metrics', methods: { GET: metrics(init) }, readableByPages: false },
  ]
}
