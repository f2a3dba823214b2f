import { join } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import { createRecords, type Records } from '../../../base/records.ts'
import { encodedSize, maxBlobSize, storageUnits } from '../../../codec/index.ts'
import type { Handler } from '../../http/exchange.ts'
import type { Gate } from '../../http/gate.ts'
import { sendJson } from '../../http/respond.ts'
import type { Route } from '../../http/router.ts'
import { createAnsweredOnce } from '../answered-once.ts'
import { Claims } from '../claims.ts'
import type { GatewayInit, GatewayLimits } from '../options.ts'
import { expectParameters, invalidParameter } from '../parameters.ts'
import { createPublishing } from '../publishing.ts'
import { Quotas } from '../quotas.ts'
import { Reservations } from '../reservations.ts'
import { ResumableUploads, UPLOADS_PATH } from '../resumable.ts'
import { Tokens } from '../tokens.ts'
import type { UploadHealth } from '../upload-health.ts'
import type { ReceiveUpload } from '../upload-receiver.ts'
import type { ManageInit } from './manage.ts'
import { type PublishInit, publishBlob, publishQuilt } from './publish.ts'

/** How many answers to requests with an `Idempotency-Key` are kept, for a day each. */
const ANSWERS = 100_000
/** How many used tokens, until they expire. */
const TOKENS = 1_000_000
/** How many addresses and subjects have a quota, for a day each. */
const QUOTAS = 100_000

export interface StoringInit {
  clock: Clock
  limits: GatewayLimits
  receive: ReceiveUpload
  uploadHealth: UploadHealth
  /** who is worked on */
  uploads: Gate
  /** what waits for the chain */
  lookups: Gate
}

/** Routes that store at the cost of the gateway's wallet, and that tell what it would cost; and what is done with what it owns. */
export function storingRoutes(
  init: GatewayInit,
  shared: StoringInit,
): { routes: Route[]; manage?: ManageInit | undefined } {
  const { client, dir, publish, quota } = init
  const { clock } = shared
  const records = (name: string, limit: number): Records =>
    createRecords({ folder: dir === undefined ? undefined : join(dir, name), limit, clock })
  const rules = typeof publish === 'object' ? publish.tokens : undefined
  const answers = records('answers', ANSWERS)
  const storing: PublishInit = {
    ...shared,
    publishing: createPublishing({
      ...shared,
      client,
      enabled: publishes(init),
      tokens: rules && new Tokens({ rules, records: records('tokens', TOKENS), clock }),
      quotas: quota && new Quotas(quota, records('quotas', QUOTAS), clock),
      reservations: new Reservations(records('reserved', ANSWERS), clock),
    }),
    once: createAnsweredOnce({ records: answers, claims: new Claims({ records: answers, clock }), clock }),
  }
  const routes: Route[] = [
    ...(dir === undefined
      ? []
      : resumableRoutes(join(dir, 'uploads'), records('stored', ANSWERS), storing, shared)),
    { pattern: '/v1/blobs', methods: { PUT: publishBlob(storing) }, readableByPages: false },
    { pattern: '/v1/quilts', methods: { PUT: publishQuilt(storing) }, readableByPages: false },
    { pattern: '/v1/estimate', methods: { GET: estimate(init, shared) }, readableByPages: true },
  ]
  const { publishing } = storing
  const byAnybody = init.manage?.byAnybody ?? (rules === undefined && init.network.kind === 'localnet')
  return { routes, manage: init.manage && { ...shared, ...init.manage, publishing, byAnybody } }
}

function resumableRoutes(
  folder: string,
  records: Records,
  { publishing }: Pick<PublishInit, 'publishing'>,
  { uploads, limits, clock }: StoringInit,
): Route[] {
  const resumable = new ResumableUploads({
    folder,
    publishing,
    records,
    claims: new Claims({ records, clock }),
    uploads,
    limits,
    clock,
  })
  const handle: Handler = exchange => resumable.handle(exchange)
  const GET: Handler = exchange =>
    exchange.request.method === 'HEAD' ? resumable.handle(exchange) : resumable.result(exchange)
  return [
    { pattern: UPLOADS_PATH, methods: { POST: handle }, readableByPages: false },
    {
      pattern: `${UPLOADS_PATH}/:id`,
      methods: { GET, PATCH: handle, DELETE: handle },
      readableByPages: false,
    },
  ]
}

/** Whether it stores at all, for anybody or for those who have a token. */
export function publishes({ publish, network }: Pick<GatewayInit, 'publish' | 'network'>): boolean {
  return publish === undefined ? network.kind === 'localnet' : publish !== false
}

/** `GET /v1/estimate?size&epochs`: what storing so many bytes would cost now, all bought. */
function estimate({ client }: Pick<GatewayInit, 'client'>, { clock, limits }: StoringInit): Handler {
  return async exchange => {
    const query = exchange.url.searchParams
    expectParameters(query, ['size', 'epochs'])
    const size = wholeNumber(query, 'size')
    if (size === undefined) throw invalidParameter('size', 'is needed: bytes of the blob')
    const epochs = wholeNumber(query, 'epochs') ?? 1
    using limit = clock.deadline(limits.readMs, [exchange.signal])
    const { system } = await client.info({ signal: limit.signal })
    const { nShards, maxEpochsAhead, epoch, storagePriceFrost, writePriceFrost } = system
    const maxBytes = maxBlobSize(nShards)
    if (size > maxBytes) throw invalidParameter('size', `must be at most ${maxBytes}`)
    if (epochs < 1 || epochs > maxEpochsAhead)
      throw invalidParameter('epochs', `must be from 1 to ${maxEpochsAhead}`)
    const encodedLength = encodedSize(nShards, size)
    const units = BigInt(storageUnits(encodedLength))
    const storageCost = units * storagePriceFrost * BigInt(epochs)
    const writeCost = units * writePriceFrost
    const cost = storageCost + writeCost
    const endEpoch = epoch + epochs
    sendJson(exchange, 200, { size, epochs, endEpoch, encodedLength, storageCost, writeCost, cost })
  }
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (!/^\d{1,15}$/.test(text)) throw invalidParameter(name, 'must be a whole number')
  return Number(text)
}
