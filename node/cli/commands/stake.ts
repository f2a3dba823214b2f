import type { NodeRecord } from '../../../chain/types.ts'
import { walArgument } from '../amounts.ts'
import { type ChainSession, type Context, type NetworkOptions, withChain } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { formatRows, formatWal } from '../format.ts'
import { shown } from '../shown.ts'
import { isObjectIdText, objectIdArgument } from './arguments.ts'

/** Stakes WAL with a node, which is named by its ID or its name. */
export async function stake(
  context: Context,
  nodeText: string,
  amountText: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  const amountFrost = walArgument(amountText)
  await withChain(context, options, async session => {
    const { coordinator, signal } = session
    const wallet = await session.wallet()
    const node = await findNode(session, nodeText)
    const { digest, stake } = await coordinator.staker(wallet).stake(node.nodeId, amountFrost, { signal })
    await context.output.result(
      { ...stake, nodeName: node.name, digest },
      shown`Staked ${formatWal(amountFrost)} with ${node.name}\n${formatRows([
        ['stake', stake.objectId],
        ['counts', `from epoch ${stake.activationEpoch} on`],
      ])}`,
    )
  })
  return EXIT.ok
}

async function findNode({ coordinator, signal }: ChainSession, text: string): Promise<NodeRecord> {
  const nodes = await coordinator.nodes({ signal })
  const found = isObjectIdText(text)
    ? nodes.filter(({ nodeId }) => nodeId === objectIdArgument(text, 'node'))
    : nodes.filter(({ name }) => name === text)
  if (found.length === 1) return found[0]!
  if (found.length === 0) {
    throw new CliError('NOT_FOUND', EXIT.notFound, `There is no node ${text}.`, {
      hint: '`floe info committee` lists the nodes.',
    })
  }
  // names are free: anybody may take another's
  throw new CliError('USAGE', EXIT.usage, `${found.length} nodes are called ${text}.`, {
    hint: `Name one by its ID: ${found.map(({ nodeId }) => nodeId).join(', ')}`,
  })
}
