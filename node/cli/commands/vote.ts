import type { NodeOperator } from '../../../chain/types.ts'
import { frostArgument, sizeArgument } from '../amounts.ts'
import { type Context, type NetworkOptions, withChain } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { formatBytes, formatRows, formatWal } from '../format.ts'
import { shown } from '../shown.ts'

type Votes = Parameters<NodeOperator['vote']>[0]

/** Votes for prices, by the wallet of a storage node. */
export async function votePrice(
  context: Context,
  options: NetworkOptions & { storage?: string; write?: string },
): Promise<ExitCode> {
  const { storage, write } = options
  if (storage === undefined && write === undefined) {
    throw new CliError('USAGE', EXIT.usage, 'A vote names --storage FROST, --write FROST or both.')
  }
  return await vote(context, options, {
    ...(storage !== undefined && { storagePriceFrost: frostArgument(storage) }),
    ...(write !== undefined && { writePriceFrost: frostArgument(write) }),
  })
}

/** Votes with what the node itself can hold, by its wallet; what the network holds follows from all votes. */
export async function voteCapacity(
  context: Context,
  size: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  return await vote(context, options, { nodeCapacityBytes: sizeArgument(size) })
}

async function vote(context: Context, options: NetworkOptions, votes: Votes): Promise<ExitCode> {
  await withChain(context, options, async ({ coordinator, wallet, signal }) => {
    const operator = coordinator.operator(await wallet())
    const capability = await operator.capability({ signal })
    if (capability === undefined) {
      const { address } = operator.wallet
      throw new CliError(
        'NOT_FOUND',
        EXIT.notFound,
        `This wallet (${address}) has no storage node to vote for.`,
        {
          hint: "Name a node's key: --wallet .floe/nodes/00/keys/sui.key on a devnet.",
          details: { address },
        },
      )
    }
    const { digest } = await operator.vote(votes, { signal })
    const { storagePriceFrost, writePriceFrost, totalCapacityBytes } = await coordinator.system({ signal })
    const prices = votes.nodeCapacityBytes === undefined
    await context.output.result(
      {
        nodeId: capability.nodeId,
        votes,
        digest,
        now: { storagePriceFrost, writePriceFrost, totalCapacityBytes },
      },
      shown`Voted for ${capability.nodeId}; ${prices ? 'by all votes the prices are' : 'it counts from the next epoch on, until then there are'}\n${formatRows(
        prices
          ? [
              ['storing', `${formatWal(storagePriceFrost)} per MiB and epoch`],
              ['writing', `${formatWal(writePriceFrost)} per MiB, once`],
            ]
          : [['capacity', formatBytes(totalCapacityBytes)]],
      )}`,
    )
  })
  return EXIT.ok
}
