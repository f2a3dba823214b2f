import type { BlobObject, SystemInfo } from '../../../chain/types/index.ts'
import { storageUnits } from '../../../codec/index.ts'
import { frostArgument, isObjectIdText, objectIdArgument, walArgument } from '../arguments.ts'
import { type ChainSession, type Context, type NetworkOptions, withChain } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { formatRows, formatWal, safe } from '../text.ts'
import { expectAlive, noBlob, ownBlob } from './blobs.ts'

/** Extends a blob of the wallet, or a shared blob from its funds. */
export async function extend(
  context: Context,
  given: string | undefined,
  options: NetworkOptions & { epochs: number; epochsExtended?: number; blobObjId?: string },
): Promise<ExitCode> {
  const blobText = oneOf(given, options.blobObjId)
  const epochs = options.epochsExtended ?? options.epochs
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
      safe`${blobId} is stored until epoch ${endEpoch}; ${formatWal(costFrost)} ${shared === undefined ? 'paid' : 'paid from its funds'}`,
    )
  })
  return EXIT.ok
}

/** Walrus's client names it by an option. */
function oneOf(given: string | undefined, objectId: string | undefined): string {
  if (given !== undefined && objectId === undefined) return given
  if (given === undefined && objectId !== undefined) return objectId
  throw new CliError('USAGE', EXIT.usage, 'Which blob? Name it by its object ID, or its blob ID.')
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
  return { blob: await ownBlob(session, text, 'living') }
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
  given: string | undefined,
  options: NetworkOptions & { amount?: string; blobObjId?: string },
): Promise<ExitCode> {
  const blobText = oneOf(given, options.blobObjId)
  // who names it as Walrus's client does counts as that does
  const amountOf = options.blobObjId === undefined ? walArgument : frostArgument
  const fundFrost = options.amount === undefined ? 0n : amountOf(options.amount)
  await withChain(context, options, async session => {
    const { coordinator, signal } = session
    const blob = await ownBlob(session, blobText, 'living')
    expectAlive(blob, (await coordinator.system({ signal })).epoch)
    expectPermanent(blob)
    const manager = coordinator.manager(await session.wallet())
    const { digest, sharedBlob } = await manager.share(blob.objectId, { fundFrost, signal })
    await context.output.result(
      { blobId: blob.blobId, sharedBlob, fundsFrost: fundFrost, digest },
      safe`Shared ${blob.blobId}\n${formatRows([
        ['shared blob', sharedBlob],
        ['funds', formatWal(fundFrost)],
      ])}`,
    )
  })
  return EXIT.ok
}

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
      safe`${objectId} has ${formatWal(fundsFrost)} to be extended from`,
    )
  })
  return EXIT.ok
}
