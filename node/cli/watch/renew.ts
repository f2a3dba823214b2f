import { resolve } from 'node:path'
import { createRecords } from '../../../base/records.ts'
import { anySignal } from '../../../base/wait.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { Claims } from '../../gateway/claims.ts'
import { isObjectIdText, objectIdArgument, walArgument } from '../arguments.ts'
import { expectAlive, ownBlob } from '../blobs/blobs.ts'
import { chainFailure } from '../chain-failure.ts'
import { type Context, type NetworkOptions, withChain } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { formatWal, plural, safe } from '../text.ts'
import { Budget } from './budget.ts'
import { Renewer } from './renewer.ts'
import { extendWatched, watchedBlob } from './watched.ts'

export interface RenewOptions extends NetworkOptions {
  budget: string
  epochs: number
  ahead: number
  dir: string
  once?: boolean
}

/** of what was spent: one for each wallet and network, and a claim */
const RECORDS = 1_000

/** Extends blobs before they end, until it is told to stop, nothing is left to look after, or, with `once`, each was looked at. */
export async function renew(context: Context, blobs: string[], options: RenewOptions): Promise<ExitCode> {
  const { clock, cwd, output, signal } = context
  const limitFrost = walArgument(options.budget)
  let exitCode: ExitCode = EXIT.ok
  await withChain(context, options, async session => {
    const { network, coordinator } = session
    const wallet = await session.wallet()
    const objectIds = await watchable(session, blobs)
    const records = createRecords({ folder: resolve(cwd, options.dir), limit: RECORDS, clock })
    const key = `renew ${network.systemObjectId} ${wallet.address}`
    await using claim = await new Claims({ records, clock }).take(key)
    if (claim === undefined) throw busy(options.dir)
    const lost = new AbortController()
    const alone = anySignal(signal, lost.signal)
    const budget = await Budget.open({ records, key, limitFrost, clock })
    const renewer = new Renewer(
      {
        chain: coordinator,
        find: (objectId, options) => watchedBlob(coordinator, objectId, options),
        writer: extendWatched(coordinator, coordinator.writer(wallet), coordinator.manager(wallet)),
        budget,
        clock,
        epochs: options.epochs,
        ahead: options.ahead,
        async expectAlone() {
          if (!(await claim.isHeld())) lost.abort(busy(options.dir))
          alone.throwIfAborted()
        },
        explain: chainFailure,
        onRenewed: async renewal =>
          await output.result(
            { ...renewal, spentFrost: budget.spentFrost, budgetFrost: limitFrost },
            safe`${renewal.blobId} is stored until epoch ${renewal.endEpoch}; ${formatWal(renewal.costFrost)} paid, ${formatWal(budget.leftFrost)} of the budget left`,
          ),
        onFailure(failure, _objectId, isOver) {
          output.failure(failure)
          if (exitCode === EXIT.ok && (isOver || options.once)) exitCode = failure.exitCode
        },
      },
      objectIds,
    )
    output.say(
      safe`Looking after ${plural(objectIds.length, 'blob')}; ${formatWal(budget.spentFrost)} of ${formatWal(limitFrost)} spent${options.once ? '' : '. Ctrl-C stops it'}`,
    )
    try {
      for (;;) {
        const pauseMs = await renewer.round(alone)
        if (options.once || renewer.watched === 0) return
        await clock.sleep(pauseMs, signal)
      }
    } catch (error) {
      if (!signal.aborted || options.once) throw error
      // who stops it was told already of what went wrong before
      exitCode = EXIT.ok
      output.say(safe`Stopped; ${formatWal(budget.spentFrost)} of ${formatWal(limitFrost)} spent`)
    }
  })
  return exitCode
}

/** All must be there when it begins: one that is misspelt would end unnoticed. */
async function watchable(
  session: Parameters<typeof ownBlob>[0],
  blobs: readonly string[],
): Promise<ObjectId[]> {
  const { coordinator, signal } = session
  const { epoch } = await coordinator.system({ signal })
  const objectIds: ObjectId[] = []
  for (const text of blobs) {
    // one that is shared is nobody's
    const object = isObjectIdText(text) ? objectIdArgument(text, 'blob') : undefined
    const found = object && (await watchedBlob(coordinator, object, { signal }))
    const blob = found?.fundsFrost === undefined ? await ownBlob(session, text, 'living') : found
    expectAlive(blob, epoch)
    if (blob.certifiedEpoch === undefined) {
      throw new CliError('NOT_CERTIFIED', EXIT.refused, `The blob ${blob.objectId} is not certified.`, {
        hint: 'Its upload has not finished: store it again with `floe store`, then watch it.',
      })
    }
    objectIds.push(blob.objectId)
  }
  return objectIds
}

const busy = (dir: string) =>
  new CliError('WALLET_BUSY', EXIT.unavailable, `Another \`floe watch renew\` spends the budget in ${dir}.`, {
    hint: 'Stop that one, or give this one a budget of its own with --dir.',
  })
