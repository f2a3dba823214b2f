import type { Clock } from '../../../base/clock.ts'
import {
  openQuilt,
  parseQuiltPatchId,
  type QuiltFileReader,
  type QuiltPatch,
  type QuiltReader,
  quiltInBlob,
} from '../../../codec/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { BlobHandle } from '../../client/types.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import type { Gate } from '../../http/gate.ts'
import { toJson } from '../../http/json.ts'
import type { Movers } from '../../http/movers.ts'
import { sendBytes } from '../../http/respond.ts'
import { checkConditions } from '../content/conditions.ts'
import { filesForm } from '../content/form.ts'
import { headerText, tagHeaders } from '../content/header-text.ts'
import type { Objects } from '../content/objects.ts'
import type { OpenBlob } from '../content/open-blob.ts'
import { resumed, type SendContent, sendYielding } from '../content/send.ts'
import type { SharedReads } from '../content/shared-reads.ts'
import type { GatewayLimits } from '../options.ts'
import { expectParameters, pairsParameter } from '../parameters.ts'
import { checkReadParams } from '../read-params.ts'

/** An index names at most as many files as there are columns; what is larger was made to cost memory. */
const MAX_INDEX_BYTES = 2 * 2 ** 20
/** What reading an index, or a file's header, holds besides the blob's own: an index as JSON may be six times as long. */
const INDEX_ROOM_BYTES = 8 * MAX_INDEX_BYTES
/** How many tags one may ask for. */
const MAX_TAGS = 8
/** A quilt of so many bytes is read as a whole. */
const WHOLE_BYTES = 4 * 2 ** 20

export interface QuiltsInit {
  open: OpenBlob
  send: SendContent
  downloads: Gate
  sending: Movers
  objects: Objects
  shared: SharedReads
  clock: Clock
  limits: Pick<GatewayLimits, 'readMs' | 'readerStallMs'>
}

interface QuiltRoutes {
  /** `GET /v1/blobs/by-quilt-id/:quiltId/*identifier` */
  byIdentifier: Handler
  /** `GET /v1/blobs/by-quilt-patch-id/:patchId` */
  byPatchId: Handler
  /** `GET /v1/quilts/:quiltId/patches` */
  patches: Handler
  /** `GET /v1/quilts/:quiltId/files`: several of them, as a form */
  files: Handler
}

/** Files of quilts, read from the columns that hold them. */
export function quiltRoutes(init: QuiltsInit): QuiltRoutes {
  const { open, downloads, objects, shared, limits } = init
  /** The index and headers are read where downloads are counted. */
  async function withQuilt<T>(
    exchange: Exchange,
    quiltId: BlobId,
    look: (quilt: QuiltReader, signal: AbortSignal) => Promise<T>,
    then: (found: T, blob: BlobHandle) => Promise<void>,
  ): Promise<void> {
    await using blob = await open(exchange, quiltId)
    const { address, signal } = exchange
    const quilt = quiltIn(blob, shared)
    const permit = await downloads.enter({
      bytes: Math.min(blob.size, WHOLE_BYTES) + INDEX_ROOM_BYTES,
      address,
      signal,
    })
    const found = await look(quilt, signal).finally(() => permit.leave())
    await then(found, blob)
  }

  return {
    async byIdentifier(exchange) {
      checkReadParams(exchange.url.searchParams)
      const quiltId = await objects.blobId(exchange, exchange.params.quiltId)
      const { identifier = '' } = exchange.params
      // the same identifier of the same quilt is the same file for ever
      await withQuilt(
        exchange,
        quiltId,
        (quilt, signal) => quilt.open(identifier, { signal }),
        fileSender(init, exchange, ({ patchId }) => patchId),
      )
    },
    async byPatchId(exchange) {
      checkReadParams(exchange.url.searchParams)
      const patchId = exchange.params.patchId ?? ''
      await withQuilt(
        exchange,
        quiltOf(patchId),
        (quilt, signal) => quilt.openPatch(patchId, { signal }),
        fileSender(init, exchange, () => patchId),
      )
    },
    async patches(exchange) {
      checkReadParams(exchange.url.searchParams)
      const quiltId = await objects.blobId(exchange, exchange.params.quiltId)
      // its text is in memory until the client has taken it: that counts as what is sent
      const list = async (quilt: QuiltReader, signal: AbortSignal): Promise<void> => {
        const patches = await quilt.list({ signal })
        const body = patches.map(({ identifier, patchId, tags }) => ({ identifier, patch_id: patchId, tags }))
        const json = Buffer.from(`${toJson(body)}\n`)
        const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
        await sendBytes(exchange, 200, { ...headers, 'content-length': json.length }, json, {
          stallMs: limits.readerStallMs,
        })
      }
      await withQuilt(exchange, quiltId, list, async () => undefined)
    },
    async files(exchange) {
      const choose = choiceOf(exchange.url.searchParams)
      const quiltId = await objects.blobId(exchange, exchange.params.quiltId)
      await withQuilt(
        exchange,
        quiltId,
        async (quilt, signal) => ({ quilt, patches: choose(await quilt.list({ signal })) }),
        ({ quilt, patches }, blob) => sendFiles(init, exchange, blob, quilt, patches),
      )
    },
  }
}

function fileSender({ send }: QuiltsInit, exchange: Exchange, tag: (file: QuiltFileReader) => string) {
  return async (file: QuiltFileReader, blob: BlobHandle): Promise<void> => {
    const content = {
      size: file.size,
      tag: tag(file),
      memoryFor: () => Math.min(blob.size, WHOLE_BYTES) + file.memory,
      stream: file.stream,
    }
    await send(exchange, content, {
      headers: {
        ...tagHeaders(file.tags),
        'x-quilt-patch-identifier': headerText(file.identifier).slice(0, MAX_HEADER_TEXT),
      },
      attributes: file.tags,
    })
  }
}

/** Which files are asked for: by names, by tags, or all. Throws HttpError 400, and 404 for a name that no file has. */
function choiceOf(query: URLSearchParams): (patches: readonly QuiltPatch[]) => QuiltPatch[] {
  const names = new Set(query.getAll('identifier'))
  const tags = pairsParameter(query, 'tag', MAX_TAGS)
  const single = new URLSearchParams(query)
  for (const name of ['identifier', 'tag']) single.delete(name)
  expectParameters(single, ['identifier', 'tag'])
  return patches => {
    const known = new Set(patches.map(({ identifier }) => identifier))
    for (const name of names) {
      if (known.has(name)) continue
      throw new HttpError(
        404,
        'QUILT_PATCH_NOT_FOUND',
        `no file ${JSON.stringify(name.slice(0, 100))} in the quilt`,
      )
    }
    return patches.filter(
      patch =>
        (names.size === 0 || names.has(patch.identifier)) &&
        tags.every(([key, value]) => Object.hasOwn(patch.tags, key) && patch.tags[key] === value),
    )
  }
}

/** One file is read after the other; none of them is held as a whole. */
async function sendFiles(
  { clock, downloads, sending, limits }: QuiltsInit,
  exchange: Exchange,
  blob: BlobHandle,
  quilt: QuiltReader,
  patches: readonly QuiltPatch[],
): Promise<void> {
  const { address, request, response } = exchange
  const form = filesForm(blob.blobId, quilt, patches)
  const etag = `"${form.boundary}"`
  const headers = {
    'content-type': `multipart/form-data; boundary=${form.boundary}`,
    'cache-control': 'public, max-age=86400, stale-while-revalidate=3600',
    'cross-origin-resource-policy': 'cross-origin',
    etag,
  }
  const isThere = checkConditions(request.headers, etag) === 'not modified'
  if (isThere || request.method === 'HEAD') {
    response.writeHead(isThere ? 304 : 200, headers).end()
    return
  }
  const bytes = Math.min(blob.size, WHOLE_BYTES) + INDEX_ROOM_BYTES + quilt.memoryFor(patches)
  // as of a blob: the time limit is that of the first byte
  using limit = clock.deadline(limits.readMs, [exchange.signal])
  const cut = new AbortController()
  const signal = AbortSignal.any([limit.signal, cut.signal])
  const permit = await downloads.enter({ bytes, address, signal })
  try {
    const pieces = form.stream(signal)
    const first = await pieces.next()
    limit[Symbol.dispose]()
    const answer = { status: 200, headers, pieces: resumed(first, pieces) }
    await sendYielding({ sending, limits }, exchange, { bytes, permit, cut }, answer)
  } finally {
    permit.leave()
  }
}

/** A blob as a quilt; a small one is read as a whole. */
function quiltIn(blob: BlobHandle, shared: SharedReads): QuiltReader {
  const { blobId, metadata } = blob
  const source = {
    ...metadata,
    async column(index: number, { signal }: { signal?: AbortSignal }) {
      const data = await shared.read(blob, signal)
      if (data === undefined) return await blob.column(index, { signal })
      return await quiltInBlob(blobId, data, metadata.nShards).column(index, { signal })
    },
  }
  return openQuilt(source, { maxIndexBytes: MAX_INDEX_BYTES })
}

/** What proxies and clients take in a line of a head. */
const MAX_HEADER_TEXT = 4096

function quiltOf(patchId: string): BlobId {
  try {
    return parseQuiltPatchId(patchId).quilt
  } catch (cause) {
    const words = 'a quilt patch ID has 50 characters of URL-safe base64, as the list of patches names them'
    throw new HttpError(400, 'INVALID_PATCH_ID', words, { cause })
  }
}
