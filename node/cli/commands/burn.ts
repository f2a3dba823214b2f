import { chainFailure } from '../chain-failure.ts'
import { type ChainSession, type Context, type NetworkOptions, withChain } from '../context.ts'
import { forEach } from '../each.ts'
import type { ExitCode } from '../exit-codes.ts'
import { ownBlob } from '../own-blob.ts'
import { shown } from '../shown.ts'

/** Destroys Blob objects, expired or not; nothing is given back. */
export async function burn(context: Context, blobs: string[], options: NetworkOptions): Promise<ExitCode> {
  return await withChain(context, options, session =>
    forEach(context, blobs, text => burnOne(context, session, text), chainFailure),
  )
}

async function burnOne({ output }: Context, session: ChainSession, text: string): Promise<void> {
  const { coordinator, signal } = session
  const { blobId, objectId } = await ownBlob(session, text)
  const { digest } = await coordinator.manager(await session.wallet()).burn(objectId, { signal })
  await output.result({ blobId, objectId, digest }, shown`Burned ${objectId}`)
}
