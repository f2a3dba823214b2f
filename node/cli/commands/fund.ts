import { walArgument } from '../amounts.ts'
import { type Context, type NetworkOptions, withChain } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { formatWal } from '../format.ts'
import { noBlob } from '../own-blob.ts'
import { shown } from '../shown.ts'
import { objectIdArgument } from './arguments.ts'

/** Adds WAL to what a shared blob can be extended from. */
export async function fund(
  context: Context,
  sharedText: string,
  amountText: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  const amountFrost = walArgument(amountText)
  const objectId = objectIdArgument(sharedText, 'shared blob')
  await withChain(context, options, async ({ coordinator, wallet, signal }) => {
    const shared = await coordinator.sharedBlob(objectId, { signal })
    if (shared === undefined) throw noBlob(objectId)
    const { digest } = await coordinator.manager(await wallet()).fundShared(objectId, amountFrost, { signal })
    const fundsFrost = shared.fundsFrost + amountFrost
    await context.output.result(
      { blobId: shared.blob.blobId, sharedBlob: objectId, fundsFrost, digest },
      shown`${objectId} has ${formatWal(fundsFrost)} to be extended from`,
    )
  })
  return EXIT.ok
}
