import type { Clock } from '../../../base/clock.ts'
import { defined } from '../../../base/defined.ts'
import type { BlobObject, ChainWriter, FullCoordinator } from '../../../chain/types/index.ts'
import { toClientError } from '../../client/to-client-error.ts'
import { blobIdParam } from '../../http/blob-id-param.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import type { Gate } from '../../http/gate.ts'
import { sendJson } from '../../http/respond.ts'
import { objectIdParam } from '../content/objects.ts'
import type { GatewayLimits } from '../options.ts'
import { expectParameters, invalidParameter, numberParameter } from '../parameters.ts'
import type { Publishing } from '../publishing.ts'
import { expectCurrent, expectManaging, expectSize, type Token } from '../tokens.ts'
import { blobObjectJson } from '../walrus-json.ts'

/** What a gateway may do with the blobs that its wallet owns. */
export interface Managed {
  writer: Pick<ChainWriter, 'wallet' | 'extend' | 'deleteBlob'>
  chain: Pick<FullCoordinator, 'blob' | 'ownedBlobs' | 'system'>
  /** whoever may store may do so without a token, too; on a localnet alone when absent */
  byAnybody?: boolean | undefined
}

export interface ManageInit extends Managed {
  publishing: Pick<Publishing, 'ask' | 'take'>
  clock: Clock
  limits: Pick<GatewayLimits, 'readMs' | 'publishMs'>
  lookups: Gate
}

type Action = 'delete' | 'extend'

/** `DELETE /v1/blobs/:blobId` and by-object-id: a deletable blob of the wallet's, whose storage it keeps. */
export function deleteBlob(init: ManageInit): Handler {
  return managing(init, 'delete', [], async (blob, _query, signal) => {
    const { objectId, deletable, storage } = blob
    if (!deletable) {
      const words = `the blob ${objectId} is permanent until epoch ${storage.endEpoch}: nobody can delete it before`
      throw new HttpError(409, 'NOT_DELETABLE', words, { metadata: { objectId } })
    }
    return {
      bytes: 0,
      run: async () => {
        const { digest } = await init.writer.deleteBlob(objectId, { signal })
        return { deleted: { blobObject: blobObjectJson(blob), txDigest: digest } }
      },
    }
  })
}

/** `POST …/extend?epochs=N`, or `until_epoch=E`, which may be asked again: a certified blob of the wallet's, at its cost. */
export function extendBlob(init: ManageInit): Handler {
  return managing(init, 'extend', ['epochs', 'until_epoch'], async (blob, query, signal, token) => {
    const { objectId, certifiedEpoch, storage, size } = blob
    if (certifiedEpoch === undefined) {
      const words = `the blob ${objectId} is not certified: its upload has not finished`
      throw new HttpError(409, 'NOT_CERTIFIED', words, { metadata: { objectId } })
    }
    const { epoch, maxEpochsAhead } = await init.chain.system({ signal, recent: true })
    const [name, untilEpoch] = wantedEnd(query, storage.endEpoch)
    if (untilEpoch > epoch + maxEpochsAhead)
      throw invalidParameter(name, `goes beyond epoch ${epoch + maxEpochsAhead}, until which storage is sold`)
    const epochs = Math.max(0, untilEpoch - storage.endEpoch)
    if (token !== undefined) expectEpochs(token, epochs)
    return {
      bytes: size,
      run: async () => {
        const extended =
          epochs === 0
            ? { blob, costFrost: 0n, digest: '' }
            : await init.writer.extend(objectId, epochs, { signal, untilEpoch })
        const { blob: after, costFrost: cost, digest } = extended
        const endEpoch = after.storage.endEpoch
        return {
          extended: defined({
            blobObject: blobObjectJson(after),
            endEpoch,
            cost,
            // no transaction was needed when it is empty
            txDigest: digest || undefined,
          }),
        }
      },
    }
  })
}

/** What there is to do, once all that can be refused has been. */
interface Task {
  /** that quotas count */
  bytes: number
  run(): Promise<object>
}

function managing(
  init: ManageInit,
  action: Action,
  known: readonly string[],
  prepare: (
    blob: BlobObject,
    query: URLSearchParams,
    signal: AbortSignal,
    token: Token | undefined,
  ) => Promise<Task>,
): Handler {
  const { publishing, clock, limits, lookups, byAnybody = false } = init
  return async exchange => {
    const { token } = await publishing.ask(exchange)
    const query = exchange.url.searchParams
    expectParameters(query, known)
    if (exchange.request.headers['idempotency-key'] !== undefined) {
      const words = 'no key is kept here: until_epoch may be asked again, and what is deleted is gone'
      throw new HttpError(400, 'MALFORMED_REQUEST', words)
    }
    if (token !== undefined) expectCurrent(token)
    else if (!byAnybody) {
      const words = 'this gateway deletes and extends nothing of its wallet for those who have no token'
      throw new HttpError(403, 'MANAGING_OFF', words)
    }
    using limit = clock.deadline(limits.publishMs, [exchange.signal])
    const { signal } = limit
    try {
      const task = await asking(exchange, lookups, async () => {
        const blob = await findOwn(init, exchange, signal)
        if (token !== undefined) {
          expectManaging(token, action, blob)
          expectSize(token, blob.size)
        }
        return await prepare(blob, query, signal, token)
      })
      await using use = await publishing.take(exchange, { token }, task.bytes)
      // from here on it may have been paid for, or deleted, whatever is answered
      use.keep()
      sendJson(exchange, 200, await task.run())
    } catch (error) {
      throw toClientError(error)
    }
  }
}

async function asking<T>({ address, signal }: Exchange, lookups: Gate, ask: () => Promise<T>): Promise<T> {
  const permit = await lookups.enter({ bytes: 0, address, signal })
  try {
    return await ask()
  } finally {
    permit.leave()
  }
}

/** The Blob object that the path names. Throws HttpError 404, and 409 when there are several of a blob ID. */
async function findOwn(init: ManageInit, { params }: Exchange, signal: AbortSignal): Promise<BlobObject> {
  const { chain, writer } = init
  const { address } = writer.wallet
  const [{ epoch }, found] = await Promise.all([
    chain.system({ signal, recent: true }),
    params.objectId === undefined
      ? byBlobId(init, params.blobId, signal)
      : chain.blob(objectIdParam(params.objectId), { signal }).then(blob => (blob ? [blob] : [])),
  ])
  const own = found.filter(({ owner }) => owner === address)
  const alive = own.filter(({ storage }) => storage.endEpoch > epoch)
  const [blob] = alive
  if (blob === undefined) {
    const what =
      params.objectId === undefined ? `blob ${params.blobId}` : `object ${params.objectId} of a blob`
    const words = own.length === 0 ? `the wallet of this gateway owns no ${what}` : `the ${what} has ended`
    throw new HttpError(404, own.length === 0 ? 'BLOB_NOT_FOUND' : 'BLOB_ENDED', words)
  }
  if (alive.length > 1) {
    const objectIds = alive.map(({ objectId }) => objectId).join(', ')
    const words = `the wallet owns ${alive.length} objects of the blob: name one at /v1/blobs/by-object-id`
    throw new HttpError(409, 'SEVERAL_OBJECTS', words, { metadata: { objectIds } })
  }
  return blob
}

async function byBlobId(
  { chain, writer }: ManageInit,
  text: string | undefined,
  signal: AbortSignal,
): Promise<BlobObject[]> {
  const blobId = blobIdParam(text ?? '')
  const all = await chain.ownedBlobs(writer.wallet.address, { signal })
  return all.filter(blob => blob.blobId === blobId)
}

function wantedEnd(query: URLSearchParams, endEpoch: number): [name: string, untilEpoch: number] {
  if (query.has('epochs') === query.has('until_epoch'))
    throw invalidParameter('epochs', 'or until_epoch is needed, and not both')
  if (query.has('epochs')) return ['epochs', endEpoch + numberParameter(query, 'epochs', 1)]
  return ['until_epoch', numberParameter(query, 'until_epoch', 1)]
}

/** Throws HttpError 403. */
function expectEpochs({ epochs, maxEpochs }: Token, wanted: number): void {
  if ((epochs === undefined || epochs === wanted) && (maxEpochs === undefined || wanted <= maxEpochs)) return
  throw new HttpError(403, 'TOKEN_FOR_OTHER', `the token is not for ${wanted} epochs`, {
    metadata: { parameter: 'epochs' },
  })
}
