import type { Stake } from '../../chain/types.ts'
import { objectIdArgument } from './commands/arguments.ts'
import type { ChainSession } from './context.ts'
import { EXIT } from './exit-codes.ts'
import { CliError } from './failure.ts'

/** The wallet's stake of this object ID. Throws CliError. */
export async function ownStake(session: ChainSession, text: string): Promise<Stake> {
  const { coordinator, signal } = session
  const objectId = objectIdArgument(text, 'stake')
  const { address } = await session.wallet()
  const stakes = await coordinator.stakes(address, { signal })
  const found = stakes.find(stake => stake.objectId === objectId)
  if (found !== undefined) return found
  throw new CliError('NOT_FOUND', EXIT.notFound, `This wallet (${address}) has no stake ${objectId}.`, {
    hint: '`floe list-staked` lists its stakes.',
    details: { objectId, address },
  })
}
