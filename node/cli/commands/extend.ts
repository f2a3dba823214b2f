import type { BlobObject, SystemInfo } from '../../../chain/types.ts'
import { storageUnits } from '../../../codec/index.ts'
import { type ChainSession, type Context, type NetworkOptions, withChain } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { formatWal } from '../format.ts'
import { expectAlive, noBlob, ownBlob } from '../own-blob.ts'
import { shown } from '../shown.ts'
import { isObjectIdText, objectIdArgument } from './arguments.ts'

/** Extends a blob of the wallet, or a shared blob from its funds. */
export async function extend(
  context: Context,
  blobText: string,
  options: NetworkOptions & { epochs: number },
): Promise<ExitCode> {
  const { epochs } = options
  await withChain(context, options, async session => {
    const { coordinator, signal } = session
    const { blob, shared } = await find(session, blobText)
    const system = await coordinator.system({ signal })
    const costFrost = expectExtendable(blob, system, epochs)
    const wallet = await session.wallet()
    let digest: string
    if (shared === undefined) {
      ;({ digest } = await coordinator.writer(wallet).extend(blob.objectId, epochs, { signal }))
    } else {
      expectFunds(shared.fundsFrost, costFrost, blobText)
      ;({ digest } = await coordinator.manager(wallet).extendShared(shared.objectId, epochs, { signal }))
    }
    const { blobId } = blob
    const endEpoch = blob.storage.endEpoch + epochs
    await context.output.result(
      { blobId, objectId: shared?.objectId ?? blob.objectId, endEpoch, costFrost, digest },
      shown`${blobId} is stored until epoch ${endEpoch}; ${formatWal(costFrost)} ${shared === undefined ? 'paid' : 'paid from its funds'}`,
    )
  })
  return EXIT.ok
}

async function find(session: ChainSession, text: string) {
  const { coordinator, signal } = session
  if (isObjectIdText(text)) {
    const objectId = objectIdArgument(text, 'blob')
    // most are not shared: only what is no Blob object is looked for twice
    if ((await coordinator.blob(objectId, { signal })) === undefined) {
      const shared = await coordinator.sharedBlob(objectId, { signal })
      if (shared === undefined) throw noBlob(objectId)
      return { blob: shared.blob, shared }
    }
  }
  return { blob: await ownBlob(session, text) }
}

/** What the extension costs, in FROST. */
function expectExtendable(blob: BlobObject, system: SystemInfo, epochs: number): bigint {
  const { epoch, maxEpochsAhead, storagePriceFrost } = system
  const { endEpoch, storageSize } = blob.storage
  expectAlive(blob, epoch)
  if (blob.certifiedEpoch === undefined) {
    throw new CliError('NOT_CERTIFIED', EXIT.refused, `The blob ${blob.objectId} is not certified.`, {
      hint: 'Its upload has not finished: store it again with `floe store`, then extend it.',
    })
  }
  const most = epoch + maxEpochsAhead - endEpoch
  if (epochs > most) {
    const reason = `storage is sold until epoch ${epoch + maxEpochsAhead}`
    throw new CliError(
      'INVALID_OPTION',
      EXIT.usage,
      most <= 0
        ? `The blob cannot be extended now: ${reason}, and it ends with epoch ${endEpoch}.`
        : `The blob can be extended by ${most} epochs at most: ${reason}.`,
      { details: { option: 'epochs', reason } },
    )
  }
  return BigInt(storageUnits(Number(storageSize))) * storagePriceFrost * BigInt(epochs)
}

function expectFunds(fundsFrost: bigint, costFrost: bigint, text: string): void {
  if (fundsFrost >= costFrost) return
  throw new CliError(
    'INSUFFICIENT_FUNDS',
    EXIT.funds,
    `${formatWal(costFrost)} needed, the shared blob has ${formatWal(fundsFrost)}.`,
    {
      hint: `Anyone may add to it: \`floe fund ${text} AMOUNT\`.`,
      details: { coin: 'WAL', neededAmount: `${costFrost}`, availableAmount: `${fundsFrost}` },
    },
  )
}
