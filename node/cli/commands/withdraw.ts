import { type Context, type NetworkOptions, withChain } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { formatRows, formatWal } from '../format.ts'
import { ownStake } from '../own-stake.ts'
import { shown } from '../shown.ts'

/** Takes a stake back, with what it has earned. */
export async function withdraw(
  context: Context,
  stakeText: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  await withChain(context, options, async session => {
    const { coordinator, signal } = session
    const { objectId, principalFrost } = await ownStake(session, stakeText)
    const wallet = await session.wallet()
    const { digest } = await coordinator.staker(wallet).withdraw(objectId, { signal })
    const { wal } = await coordinator.balances(wallet.address, { signal })
    await context.output.result(
      { objectId, principalFrost, digest, balanceFrost: wal },
      shown`Withdrew ${formatWal(principalFrost)} and what it has earned\n${formatRows([['wallet', `${formatWal(wal)} now`]])}`,
    )
  })
  return EXIT.ok
}
