import { join } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import { createRecords } from '../../../base/records.ts'
import { Scratch } from '../../client/upload/scratch.ts'
import type { Handler } from '../../http/exchange.ts'
import { createGate, type Gate } from '../../http/gate.ts'
import { createMovers, type Movers } from '../../http/movers.ts'
import { sendText } from '../../http/respond.ts'
import type { Route } from '../../http/router.ts'
import { Claims } from '../claims.ts'
import { createObjects } from '../content/objects.ts'
import { createOpenBlob } from '../content/open-blob.ts'
import { createSendContent, type SendContentInit } from '../content/send.ts'
import { createSharedReads } from '../content/shared-reads.ts'
import type { GatewayInit, GatewayLimits } from '../options.ts'
import { Tips } from '../tips.ts'
import { createUploadHealth } from '../upload-health.ts'
import { createUploadReceiver } from '../upload-receiver.ts'
import { health, index, metrics } from './about.ts'
import { readByObject } from './by-object.ts'
import { concatByGet, concatByPost } from './concat.ts'
import { docsRoutes } from './docs.ts'
import { deleteBlob, extendBlob, type ManageInit } from './manage.ts'
import { ownedBlobs } from './owners.ts'
import { pageRoutes } from './page.ts'
import { quiltRoutes } from './quilts.ts'
import { readBlob, readPart, streamBlob } from './read.ts'
import { publishes, storingRoutes } from './storing.ts'
import { relayUpload, tipConfig, type UploadRelayInit } from './upload-relay.ts'

/** Every route of the gateway, and the bounds on what they do at a time. */
export function createRoutes(init: GatewayInit, clock: Clock, limits: GatewayLimits): Route[] {
  const publish = publishes(init)
  const { waiting: maxWaiting, waitMs } = limits
  const gate = (slots: number, capacityBytes: number, movers?: Movers) =>
    createGate({
      slots,
      capacityBytes,
      maxWaiting,
      waitMs,
      clock,
      makeRoom: movers?.cutSlow,
    })
  const pace = { windowMs: limits.paceMs, clock }
  const arriving = createMovers(pace)
  const spooling = createMovers(pace)
  const sending = createMovers(pace)
  const uploads = createGate({
    slots: limits.uploads,
    capacityBytes: limits.uploadBytes,
    maxWaiting: limits.bodies, // a sender of a whole body finds a place in the queue
    waitMs: limits.uploadWaitMs,
    clock,
  })
  const receive = createUploadReceiver({
    inMemory: { room: gate(limits.bodies, limits.bodyBytes, arriving), arriving },
    onDisk: { room: gate(limits.spools, limits.spoolBytes, spooling), arriving: spooling },
    scratch: new Scratch({ ...init.scratch, clock }),
    uploads,
    limits,
  })
  const lookups = gate(limits.lookups, Number.POSITIVE_INFINITY)
  const downloads = gate(limits.downloads, limits.downloadBytes, sending)
  const uploadHealth = createUploadHealth(clock)
  // what waits for the chain takes no place of what readers ask
  const registrations = gate(limits.lookups, Number.POSITIVE_INFINITY)
  const relaying = uploadRelayRoutes(init, { clock, limits, receive, registrations })
  const storing = storingRoutes(init, {
    clock,
    limits,
    receive,
    uploadHealth,
    uploads,
    lookups: registrations,
  })
  const about: Route[] = [
    { pattern: '/', methods: { GET: index({ ...init, publish }) }, readableByPages: true },
    {
      pattern: '/v1/health',
      methods: { GET: health({ ...init, clock, publish, uploadHealth }) },
      readableByPages: true,
    },
    read('/status', async exchange => sendText(exchange, 'OK', 'text/plain; charset=utf-8')),
    ...docsRoutes(() => all),
    // traffic figures are the operator's business, not that of pages
    { pattern: '/metrics', methods: { GET: metrics({ ...init, clock }) }, readableByPages: false },
  ]
  const all: Route[] = init.relaysOnly
    ? [...about, ...relaying]
    : [
        ...about,
        ...storing.routes,
        ...readRoutes(init, { clock, limits, lookups, downloads, sending }, storing.manage),
        ...relaying,
        ...pageRoutes(init),
      ]
  return all
}

/** A route that is read from, by pages too. */
const read = (pattern: string, GET: Handler): Route => ({ pattern, methods: { GET }, readableByPages: true })

interface ReadingInit extends SendContentInit {
  limits: GatewayLimits
  lookups: Gate
}

/** What is read from, and what may be done with a blob besides. */
function readRoutes(init: GatewayInit, shared: ReadingInit, manage: ManageInit | undefined): Route[] {
  const open = createOpenBlob({ ...shared, client: init.client })
  const send = createSendContent(shared)
  const objects = createObjects({ ...shared, chain: init.chain })
  const reading = { open, send, objects, shared: createSharedReads({ ...shared, client: init.client }) }
  const quilts = quiltRoutes({ ...shared, ...reading })
  const concat = { ...shared, ...reading }
  return [
    ...managed('/v1/blobs/:blobId', readBlob(reading), manage),
    read('/v1/blobs/:blobId/byte-range', readPart(reading)),
    read('/v1alpha/blobs/:blobId/stream', streamBlob(reading)),
    {
      pattern: '/v1alpha/blobs/concat',
      methods: { GET: concatByGet(concat), POST: concatByPost(concat) },
      postByAnyPage: true,
      readableByPages: true,
    },
    ...managed('/v1/blobs/by-object-id/:objectId', readByObject(reading), manage),
    read('/v1/blobs/by-quilt-id/:quiltId/*identifier', quilts.byIdentifier),
    read('/v1/blobs/by-quilt-patch-id/:patchId', quilts.byPatchId),
    read('/v1/quilts/:quiltId/patches', quilts.patches),
    read('/v1/quilts/:quiltId/files', quilts.files),
    read('/v1/owners/:address/blobs', ownedBlobs({ ...shared, chain: init.chain })),
  ]
}

function managed(pattern: string, GET: Handler, manage: ManageInit | undefined): Route[] {
  if (manage === undefined) return [read(pattern, GET)]
  return [
    { pattern, methods: { GET, DELETE: deleteBlob(manage) }, readableByPages: true },
    { pattern: `${pattern}/extend`, methods: { POST: extendBlob(manage) }, readableByPages: false },
  ]
}

/** How many tips are remembered, for two hours each. */
const TIPS = 100_000

function uploadRelayRoutes(
  { client, uploadRelay, dir }: GatewayInit,
  shared: Pick<UploadRelayInit, 'clock' | 'limits' | 'receive' | 'registrations'>,
): Route[] {
  if (uploadRelay === undefined) return []
  const { chain, tip } = uploadRelay
  const { clock } = shared
  const folder = dir === undefined ? undefined : join(dir, 'tips')
  const records = createRecords({ folder, limit: TIPS, clock })
  const tips = tip && new Tips({ tip, chain, records, claims: new Claims({ records, clock }), clock })
  return [
    {
      pattern: '/v1/blob-upload-relay',
      methods: { POST: relayUpload({ ...shared, client, chain, tips }) },
      postByAnyPage: true,
      readableByPages: true,
    },
    { pattern: '/v1/tip-config', methods: { GET: tipConfig(tip) }, readableByPages: true },
  ]
}
