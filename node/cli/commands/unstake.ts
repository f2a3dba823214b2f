import { type Context, type NetworkOptions, withChain } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { formatWal } from '../format.ts'
import { ownStake } from '../own-stake.ts'
import { shown } from '../shown.ts'

/** Gives notice of a stake. */
export async function unstake(
  context: Context,
  stakeText: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  await withChain(context, options, async session => {
    const { coordinator, signal } = session
    const { objectId } = await ownStake(session, stakeText)
    const staker = coordinator.staker(await session.wallet())
    const { digest, stake } = await staker.requestWithdrawal(objectId, { signal })
    const when = stake.state.kind === 'withdrawing' ? ` from epoch ${stake.state.withdrawEpoch} on` : ''
    await context.output.result(
      { ...stake, digest },
      shown`Gave notice of ${formatWal(stake.principalFrost)}: \`floe withdraw ${objectId}\` pays it out${when}.`,
    )
  })
  return EXIT.ok
}
