import { chainFailure } from '../chain-failure.ts'
import { type ChainSession, type Context, type NetworkOptions, withChain } from '../context.ts'
import { forEach } from '../each.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { expectAlive, ownBlob } from '../own-blob.ts'
import { shown } from '../shown.ts'

/** Deletes blobs before their time; what is left of their storage goes to the wallet. */
export async function deleteBlobs(
  context: Context,
  blobs: string[],
  options: NetworkOptions,
): Promise<ExitCode> {
  return await withChain(context, options, session =>
    forEach(context, blobs, text => deleteOne(context, session, text), chainFailure),
  )
}

async function deleteOne({ output }: Context, session: ChainSession, text: string): Promise<void> {
  const { coordinator, signal } = session
  const blob = await ownBlob(session, text)
  const { blobId, objectId, storage, deletable } = blob
  const { epoch } = await coordinator.system({ signal })
  expectAlive(blob, epoch)
  if (!deletable) {
    throw new CliError(
      'NOT_DELETABLE',
      EXIT.refused,
      `The blob ${objectId} is permanent until epoch ${storage.endEpoch}.`,
      {
        hint: '`floe burn` destroys the object; the nodes keep the data until then.',
        details: { objectId, endEpoch: storage.endEpoch },
      },
    )
  }
  const { digest } = await coordinator.writer(await session.wallet()).deleteBlob(objectId, { signal })
  await output.result(
    { blobId, objectId, digest },
    shown`Deleted ${blobId}; its storage until epoch ${storage.endEpoch} is in the wallet again`,
  )
}
