import type { Clock } from '../../../base/clock.ts'
import { blobIdFromBytes, objectIdToBytes, parseObjectId } from '../../../codec/index.ts'
import type { BlobId, ObjectId } from '../../../codec/types.ts'
import { toClientError } from '../../client/to-client-error.ts'
import { blobIdParam } from '../../http/blob-id-param.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { Gate } from '../../http/gate.ts'
import type { GatewayInit, GatewayLimits } from '../options.ts'
import type { Attributes } from './header-text.ts'

export interface ObjectsInit extends Pick<GatewayInit, 'chain'> {
  clock: Clock
  /** requests that ask the network, or the chain, for something small */
  lookups: Gate
  limits: Pick<GatewayLimits, 'readMs'>
}

/** What an object stands for. */
export interface FoundObject {
  objectId: ObjectId
  blobId: BlobId
  attributes: Attributes
}

/** Blobs by their objects on chain. */
export interface Objects {
  /** Throws 400 for what is no object ID, 404 when the object is not there, or is no blob, or the gateway reads no chain. */
  find(exchange: Exchange, text: string | undefined): Promise<FoundObject>
  /** A blob ID out of a path. Throws 400 for any other text, and names the blob ID that is meant: of an object ID that of its blob. */
  blobId(exchange: Exchange, text: string | undefined): Promise<BlobId>
}

const OBJECT_ID = /^0x[0-9a-f]{64}$/i

export function createObjects({ chain, clock, lookups, limits }: ObjectsInit): Objects {
  async function asking<T>({ address, signal: asked }: Exchange, ask: (signal: AbortSignal) => Promise<T>) {
    const permit = await lookups.enter({ bytes: 0, address, signal: asked })
    try {
      using limit = clock.deadline(limits.readMs, [asked])
      return await ask(limit.signal)
    } catch (error) {
      throw toClientError(error)
    } finally {
      permit.leave()
    }
  }

  return {
    async find(exchange, text = '') {
      const objectId = objectIdParam(text)
      if (chain === undefined)
        throw new HttpError(404, 'NO_SUCH_ROUTE', 'this gateway reads no objects from the chain')
      return await asking(exchange, async signal => {
        const found = await chain.blobReference(objectId, { signal })
        if (found === undefined) throw noBlob(objectId)
        const attributes = await chain.attributes(found.attributesOf, { signal })
        return { objectId, blobId: found.blobId, attributes }
      })
    },
    async blobId(exchange, text = '') {
      if (chain === undefined || !OBJECT_ID.test(text)) return blobIdParam(text)
      const objectId = parseObjectId(text)
      const found = await asking(exchange, signal => chain.blobReference(objectId, { signal }))
      if (found === undefined) return blobIdParam(text)
      const { blobId } = found
      const words = `this is the ID of an object, whose blob is ${blobId}; by-object-id/${objectId} reads it`
      throw new HttpError(400, 'INVALID_BLOB_ID', words, { metadata: { blobId, objectId } })
    },
  }
}

/** An object ID out of a path. Throws HttpError 400. */
export function objectIdParam(text: string): ObjectId {
  if (OBJECT_ID.test(text)) return parseObjectId(text)
  if (/^[0-9a-f]{64}$/i.test(text)) return parseObjectId(`0x${text}`)
  const isBlobId = /^[A-Za-z0-9_-]{43}$/.test(text)
  throw new HttpError(
    400,
    'INVALID_OBJECT_ID',
    isBlobId
      ? 'this is a blob ID, not that of an object: blobs are at /v1/blobs/BLOB_ID'
      : 'an object ID is 0x and 64 hex digits',
  )
}

function noBlob(objectId: ObjectId): HttpError {
  const meant = blobIdFromBytes(objectIdToBytes(objectId))
  const words = `there is no object of a blob ${objectId}; if it is a blob ID in hex, that is written ${meant}`
  return new HttpError(404, 'BLOB_NOT_FOUND', words, { metadata: { objectId } })
}
