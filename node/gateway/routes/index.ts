import { Scratch } from '../../client/upload/scratch.ts'
import { createGate } from '../../http/gate.ts'
import { createMovers, type Movers } from '../../http/movers.ts'
import type { Route } from '../../http/router.ts'
import { createNetworkFacts } from '../facts.ts'
import { createIntake } from '../intake.ts'
import type { GatewayInit, GatewayLimits } from '../options.ts'
import { createTrouble } from '../trouble.ts'
import { health, index, metrics } from './about.ts'
import { publishBlob } from './publish.ts'
import { readBlob } from './read.ts'

/** Every route of the gateway, and the bounds on what they do at a time. */
export function createRoutes(init: GatewayInit, limits: GatewayLimits): Route[] {
  const { client, network } = init
  const publish = init.publish ?? network.kind === 'localnet'
  const { waiting: maxWaiting, waitMs } = limits
  const gate = (slots: number, capacityBytes: number, movers?: Movers) =>
    createGate({
      slots,
      capacityBytes,
      maxWaiting,
      waitMs,
      ...(movers && { makeRoom: movers.cutSlow }),
    })
  const arriving = createMovers({ windowMs: limits.paceMs })
  const spooling = createMovers({ windowMs: limits.paceMs })
  const sending = createMovers({ windowMs: limits.paceMs })
  const intake = createIntake({
    inMemory: { room: gate(limits.bodies, limits.bodyBytes, arriving), arriving },
    onDisk: { room: gate(limits.spools, limits.spoolBytes, spooling), arriving: spooling },
    scratch: new Scratch(init.scratch),
    uploads: createGate({
      slots: limits.uploads,
      capacityBytes: limits.uploadBytes,
      maxWaiting: limits.bodies, // whoever has sent a whole body finds a place in the queue
      waitMs,
    }),
    limits,
  })
  const lookups = gate(limits.lookups, Number.POSITIVE_INFINITY)
  const downloads = gate(limits.downloads, limits.downloadBytes, sending)
  const trouble = createTrouble()
  const facts = createNetworkFacts(client, limits.readMs)
  return [
    { pattern: '/', methods: { GET: index({ network, publish }) }, readableByPages: true },
    {
      pattern: '/v1/blobs',
      methods: { PUT: publishBlob({ client, intake, limits, facts, enabled: publish, trouble }) },
      readableByPages: false,
    },
    {
      pattern: '/v1/blobs/:blobId',
      methods: { GET: readBlob({ client, lookups, downloads, sending, limits }) },
      readableByPages: true,
    },
    { pattern: '/v1/health', methods: { GET: health({ ...init, publish, trouble }) }, readableByPages: true },
    // traffic figures are the operator's business, not that of pages
    { pattern: '/metrics', methods: { GET: metrics(init) }, readableByPages: false },
  ]
}
