import type { BlobObject } from '../../chain/types.ts'
import { blobIdFromBytes, objectIdToBytes } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { blobIdArgument, isObjectIdText, objectIdArgument } from './commands/arguments.ts'
import type { ChainSession } from './context.ts'
import { EXIT } from './exit-codes.ts'
import { CliError } from './failure.ts'

/** The Blob object that an object ID names, or a blob ID among the wallet's own. Throws CliError. */
export async function findBlob(session: ChainSession, text: string): Promise<BlobObject> {
  const { coordinator, signal } = session
  if (!isObjectIdText(text)) return await byBlobId(session, text)
  const objectId = objectIdArgument(text, 'blob')
  const blob = await coordinator.blob(objectId, { signal })
  if (blob === undefined) throw noBlob(objectId)
  return blob
}

/** As `findBlob`, and the wallet must own it. */
export async function ownBlob(session: ChainSession, text: string): Promise<BlobObject> {
  const blob = await findBlob(session, text)
  const { address } = await session.wallet()
  if (blob.owner === address) return blob
  const whose = blob.owner === undefined ? 'nobody' : blob.owner
  throw new CliError(
    'NOT_OWNER',
    EXIT.refused,
    `The blob ${blob.objectId} belongs to ${whose}, not to this wallet (${address}).`,
    { hint: 'Name the key of its owner with --wallet FILE.', details: { owner: blob.owner, address } },
  )
}

/** Throws EXPIRED for a blob whose time is over. */
export function expectAlive({ objectId, storage }: BlobObject, epoch: Epoch): void {
  if (storage.endEpoch > epoch) return
  throw new CliError(
    'EXPIRED',
    EXIT.refused,
    `The blob ${objectId} expired at epoch ${storage.endEpoch}; it is epoch ${epoch} now.`,
    {
      hint: 'Store it again with `floe store`; `floe burn` removes the old object.',
      details: { objectId, endEpoch: storage.endEpoch, epoch },
    },
  )
}

export function noBlob(objectId: ObjectId): CliError {
  return new CliError('NOT_FOUND', EXIT.notFound, `There is no Blob object ${objectId}.`, {
    hint:
      'It was deleted, burned or shared, or is something else; `floe list-blobs` lists yours. ' +
      `If it is a blob ID in hex: that is written ${blobIdFromBytes(objectIdToBytes(objectId))}.`,
    details: { objectId },
  })
}

async function byBlobId({ coordinator, wallet, signal }: ChainSession, text: string): Promise<BlobObject> {
  const blobId = blobIdArgument(text)
  const { address } = await wallet()
  const found = (await coordinator.ownedBlobs(address, { signal })).filter(blob => blob.blobId === blobId)
  if (found.length === 1) return found[0]!
  const details = { blobId, objectIds: found.map(({ objectId }) => objectId) }
  if (found.length === 0) {
    throw new CliError('NOT_FOUND', EXIT.notFound, `This wallet (${address}) owns no blob ${blobId}.`, {
      hint: '`floe list-blobs` lists what it owns.',
      details,
    })
  }
  throw new CliError('USAGE', EXIT.usage, `This wallet owns ${found.length} objects of the blob ${blobId}.`, {
    hint: `Name one by its object ID: ${details.objectIds.join(', ')}`,
    details,
  })
}
