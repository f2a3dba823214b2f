import type { Client } from '../../client/types.ts'
import { chainFailure } from '../chain-failure.ts'
import { type ChainSession, type Context, type NetworkOptions, withChain } from '../context.ts'
import { forEach } from '../each.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { type Kept, keptBy } from '../kept-blob.ts'
import { expectAlive, ownBlob } from '../own-blob.ts'
import { lines, type Shown, shown } from '../shown.ts'

/** Deletes blobs before their time; what is left of their storage goes to the wallet. */
export async function deleteBlobs(
  context: Context,
  blobs: string[],
  options: NetworkOptions,
): Promise<ExitCode> {
  return await withChain(context, options, async session => {
    const { network } = session
    // a Sui alone has no nodes that could be asked
    const nodes = network.peers.length === 0 ? undefined : await context.parts.connect(network, {})
    try {
      const deleting = (text: string) => deleteOne(context, session, nodes, text)
      return await forEach(context, blobs, deleting, chainFailure)
    } finally {
      await nodes?.close()
    }
  })
}

async function deleteOne(
  { output }: Context,
  session: ChainSession,
  nodes: Client | undefined,
  text: string,
): Promise<void> {
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
  const wallet = await session.wallet()
  const { digest } = await coordinator.writer(wallet).deleteBlob(objectId, { signal })
  const own = await coordinator.ownedBlobs(wallet.address, { signal })
  const kept = await keptBy(blob, own, epoch, nodes, signal)
  await output.result(
    { blobId, objectId, digest, ...(kept && { readableUntil: kept.until, keptBy: kept.by }) },
    lines([
      shown`Deleted the object ${objectId} of ${blobId}; its storage until epoch ${storage.endEpoch} is in the wallet again`,
      ...(kept === undefined ? [] : [stillReadable(kept)]),
    ]),
  )
}

function stillReadable({ until, by }: Kept): Shown {
  const keeper =
    by === undefined
      ? "somebody else's object keeps it, by what the nodes say"
      : `this wallet's object ${by} keeps it`
  return shown`  The blob can still be read until epoch ${until}: ${keeper}.`
}
