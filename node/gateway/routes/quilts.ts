import {
  openQuilt,
  parseQuiltPatchId,
  type QuiltFileReader,
  type QuiltReader,
  quiltInBlob,
} from '../../../codec/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { BlobHandle } from '../../client/types.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import type { Gate } from '../../http/gate.ts'
import { toJson } from '../../http/json.ts'
import { sendBytes } from '../../http/respond.ts'
import { headerText, tagHeaders } from '../content/header-text.ts'
import type { Objects } from '../content/objects.ts'
import type { OpenBlob } from '../content/open-blob.ts'
import type { SendContent } from '../content/send.ts'
import type { SharedReads } from '../content/shared-reads.ts'
import type { GatewayLimits } from '../options.ts'
import { checkReadParams } from '../read-params.ts'

/** An index names at most as many files as there are columns; what is larger was made to cost memory. */
const MAX_INDEX_BYTES = 2 * 2 ** 20
/** What reading an index, or a file's header, holds besides the blob's own: an index as JSON may be six times as long. */
const INDEX_ROOM_BYTES = 8 * MAX_INDEX_BYTES
/** A quilt of so many bytes is read as a whole. */
const WHOLE_BYTES = 4 * 2 ** 20

export interface QuiltsInit {
  open: OpenBlob
  send: SendContent
  downloads: Gate
  objects: Objects
  shared: SharedReads
  limits: Pick<GatewayLimits, 'readerStallMs'>
}

interface QuiltRoutes {
  /** `GET /v1/blobs/by-quilt-id/:quiltId/*identifier` */
  byIdentifier: Handler
  /** `GET /v1/blobs/by-quilt-patch-id/:patchId` */
  byPatchId: Handler
  /** `GET /v1/quilts/:quiltId/patches` */
  patches: Handler
}

/** Files of quilts, read from the columns that hold them. */
export function quiltRoutes({ open, send, downloads, objects, shared, limits }: QuiltsInit): QuiltRoutes {
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

  function sendFile(tag: (file: QuiltFileReader) => string, exchange: Exchange) {
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
        sendFile(({ patchId }) => patchId, exchange),
      )
    },
    async byPatchId(exchange) {
      checkReadParams(exchange.url.searchParams)
      const patchId = exchange.params.patchId ?? ''
      await withQuilt(
        exchange,
        quiltOf(patchId),
        (quilt, signal) => quilt.openPatch(patchId, { signal }),
        sendFile(() => patchId, exchange),
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
