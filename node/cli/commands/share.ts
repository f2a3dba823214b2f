import type { BlobObject } from '../../../chain/types.ts'
import { walArgument } from '../amounts.ts'
import { type Context, type NetworkOptions, withChain } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { formatRows, formatWal } from '../format.ts'
import { expectAlive, ownBlob } from '../own-blob.ts'
import { shown } from '../shown.ts'

/** A shared blob is nobody's, and what is deletable could then be deleted by nobody, and be vouched for by none. */
function expectPermanent({ objectId, deletable }: BlobObject): void {
  if (!deletable) return
  throw new CliError(
    'NOT_PERMANENT',
    EXIT.refused,
    `The blob ${objectId} is deletable; only permanent blobs are shared.`,
    {
      hint: 'Store it with `floe store --permanent --force`, then share that one. Sharing cannot be undone.',
      details: { objectId },
    },
  )
}

/** Makes a blob nobody's: anyone may fund it, and extend it from its funds. It cannot be undone. */
export async function share(
  context: Context,
  blobText: string,
  options: NetworkOptions & { amount?: string },
): Promise<ExitCode> {
  const fundFrost = options.amount === undefined ? 0n : walArgument(options.amount)
  await withChain(context, options, async session => {
    const { coordinator, signal } = session
    const blob = await ownBlob(session, blobText)
    expectAlive(blob, (await coordinator.system({ signal })).epoch)
    expectPermanent(blob)
    const manager = coordinator.manager(await session.wallet())
    const { digest, sharedBlob } = await manager.share(blob.objectId, { fundFrost, signal })
    await context.output.result(
      { blobId: blob.blobId, sharedBlob, fundsFrost: fundFrost, digest },
      shown`Shared ${blob.blobId}\n${formatRows([
        ['shared blob', sharedBlob],
        ['funds', formatWal(fundFrost)],
      ])}`,
    )
  })
  return EXIT.ok
}
