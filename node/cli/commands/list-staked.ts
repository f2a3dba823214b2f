import type { Stake } from '../../../chain/types.ts'
import type { Epoch } from '../../../codec/types.ts'
import { type Context, type NetworkOptions, withChain } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { formatTable, formatWal, plural } from '../format.ts'
import { shown } from '../shown.ts'
import { parseAddress } from '../wallet-file.ts'

/** Lists the stakes of the wallet, or of another owner. */
export async function listStaked(
  context: Context,
  options: NetworkOptions & { owner?: string },
): Promise<ExitCode> {
  await withChain(context, options, async ({ coordinator, wallet, signal }) => {
    const owner = options.owner === undefined ? (await wallet()).address : parseAddress(options.owner)
    const [system, nodes, stakes] = await Promise.all([
      coordinator.system({ signal }),
      coordinator.nodes({ signal }),
      coordinator.stakes(owner, { signal }),
    ])
    const names = new Map(nodes.map(({ nodeId, name }) => [nodeId, name]))
    const named = stakes.map(stake => ({ ...stake, nodeName: names.get(stake.nodeId) ?? stake.nodeId }))
    const totalFrost = stakes.reduce((sum, { principalFrost }) => sum + principalFrost, 0n)
    const rows = named.map(stake => [
      stake.nodeName,
      formatWal(stake.principalFrost),
      describe(stake, system.epoch),
      stake.objectId,
    ])
    const text =
      rows.length === 0
        ? shown`${owner} has no stakes.`
        : shown`${plural(rows.length, 'stake')} of ${owner}, ${formatWal(totalFrost)}\n${formatTable(['node', 'amount', 'state', 'stake'], rows)}`
    await context.output.result({ owner, epoch: system.epoch, totalFrost, stakes: named }, text)
  })
  return EXIT.ok
}

function describe({ state, activationEpoch }: Stake, epoch: Epoch): string {
  if (state.kind === 'withdrawing') {
    return state.withdrawEpoch <= epoch
      ? 'can be withdrawn'
      : `can be withdrawn from epoch ${state.withdrawEpoch}`
  }
  return activationEpoch <= epoch
    ? `counts since epoch ${activationEpoch}`
    : `counts from epoch ${activationEpoch}`
}
