import { PARAMETER_KEYS, PARAMETERS } from '../../../chain/index.ts'
import type { NodeOperator, NodeRecord, Stake } from '../../../chain/types/index.ts'
import type { Epoch, ObjectId } from '../../../codec/types.ts'
import {
  addressArgument,
  frostArgument,
  isObjectIdText,
  objectIdArgument,
  sizeArgument,
  walArgument,
} from '../arguments.ts'
import { chainFailure } from '../chain-failure.ts'
import { type ChainSession, type Context, forEach, type NetworkOptions, withChain } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { formatBytes, formatRows, formatTable, formatWal, plural, safe } from '../text.ts'

export interface StakeOptions extends NetworkOptions {
  nodeIds?: string[]
  nodeId?: string[]
  /** FROST: of each node, or one for all */
  amounts?: string[]
  amount?: string[]
}

/** Stakes WAL with a node, which is named by its ID or its name; with several as Walrus's client does. */
export async function stake(
  context: Context,
  nodeText: string | undefined,
  amountText: string | undefined,
  options: StakeOptions,
): Promise<ExitCode> {
  const nodeIds = [...(options.nodeIds ?? []), ...(options.nodeId ?? [])]
  const amounts = [...(options.amounts ?? []), ...(options.amount ?? [])]
  if (nodeIds.length === 0 && nodeText !== undefined && amountText !== undefined && amounts.length === 0) {
    const amountFrost = walArgument(amountText)
    return await withChain(context, options, async session => {
      await stakeOne(context, session, nodeText, amountFrost)
      return EXIT.ok
    })
  }
  const isEach = amounts.length === nodeIds.length || amounts.length === 1
  if (nodeText !== undefined || nodeIds.length === 0 || !isEach) {
    throw new CliError('USAGE', EXIT.usage, 'Name a node and an amount in WAL.', {
      hint: 'Or several by --node-ids, and by --amounts as many amounts in FROST, or one for all.',
    })
  }
  const jobs = nodeIds.map((node, i) => ({ node, frost: frostArgument(amounts[i] ?? amounts[0]!) }))
  return await withChain(
    context,
    options,
    async session =>
      await forEach(context, jobs, ({ node, frost }) => stakeOne(context, session, node, frost), {
        name: ({ node }) => node,
        explain: chainFailure,
      }),
  )
}

async function stakeOne(
  context: Context,
  session: ChainSession,
  nodeText: string,
  amountFrost: bigint,
): Promise<void> {
  const { coordinator, signal } = session
  const wallet = await session.wallet()
  const node = await findNode(session, nodeText)
  const { digest, stake } = await coordinator.staker(wallet).stake(node.nodeId, amountFrost, { signal })
  await context.output.result(
    { ...stake, nodeName: node.name, digest },
    safe`Staked ${formatWal(amountFrost)} with ${node.name}\n${formatRows([
      ['stake', stake.objectId],
      ['counts', `from epoch ${stake.activationEpoch} on`],
    ])}`,
  )
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
      safe`Gave notice of ${formatWal(stake.principalFrost)}: \`floe withdraw ${objectId}\` pays it out${when}${lessFee(stake)}.`,
    )
  })
  return EXIT.ok
}

/** A stake that has not counted for long costs something. */
const lessFee = ({ feeFrost = 0n }: Pick<Stake, 'feeFrost'>): string =>
  feeFrost === 0n ? '' : `, less a fee of ${formatWal(feeFrost)}`

/** Takes a stake back, with what it has earned. */
export async function withdraw(
  context: Context,
  stakeText: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  await withChain(context, options, async session => {
    const { coordinator, signal } = session
    const { objectId, principalFrost, feeFrost } = await ownStake(session, stakeText)
    const wallet = await session.wallet()
    const { digest } = await coordinator.staker(wallet).withdraw(objectId, { signal })
    const { wal } = await coordinator.balances(wallet.address, { signal })
    await context.output.result(
      { objectId, principalFrost, feeFrost, digest, balanceFrost: wal },
      safe`Withdrew ${formatWal(principalFrost)} and what it has earned${lessFee({ feeFrost })}\n${formatRows([['wallet', `${formatWal(wal)} now`]])}`,
    )
  })
  return EXIT.ok
}

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

/** Lists the stakes of the wallet, or of another owner. */
export async function listStaked(
  context: Context,
  options: NetworkOptions & { owner?: string },
): Promise<ExitCode> {
  await withChain(context, options, async ({ coordinator, wallet, signal }) => {
    const owner = options.owner === undefined ? (await wallet()).address : addressArgument(options.owner)
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
        ? safe`${owner} has no stakes.`
        : safe`${plural(rows.length, 'stake')} of ${owner}, ${formatWal(totalFrost)}\n${formatTable(['node', 'amount', 'state', 'stake'], rows)}`
    await context.output.result({ owner, epoch: system.epoch, totalFrost, stakes: named }, text)
  })
  return EXIT.ok
}

function describe(stake: Stake, epoch: Epoch): string {
  const { state, activationEpoch } = stake
  if (state.kind === 'withdrawing') {
    const when = state.withdrawEpoch <= epoch ? '' : ` from epoch ${state.withdrawEpoch}`
    return `can be withdrawn${when}${lessFee(stake)}`
  }
  return activationEpoch <= epoch
    ? `counts since epoch ${activationEpoch}`
    : `counts from epoch ${activationEpoch}`
}

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
    storagePriceFrost: storage === undefined ? undefined : frostArgument(storage),
    writePriceFrost: write === undefined ? undefined : frostArgument(write),
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

/** Votes for a value of a parameter, by the wallet of a storage node. */
export async function voteParameter(
  context: Context,
  name: string,
  valueText: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  const key = PARAMETER_KEYS.find(key => PARAMETERS[key].name === name)
  if (key === undefined) {
    throw new CliError('USAGE', EXIT.usage, `There is no parameter "${name}".`, {
      hint: `Nodes vote on ${PARAMETER_KEYS.map(key => PARAMETERS[key].name).join(', ')}.`,
    })
  }
  const { least, most } = PARAMETERS[key]
  const value = /^\d{1,6}$/.test(valueText) ? Number(valueText) : Number.NaN
  if (!(least <= value && value <= most)) {
    throw new CliError('USAGE', EXIT.usage, `"${valueText}" is no value of ${name}.`, {
      hint: `A vote is for a whole number from ${least} to ${most}.`,
    })
  }
  await withChain(context, options, async session => {
    const { coordinator, signal } = session
    const { operator, nodeId } = await ownNode(session)
    const { digest } = await operator.voteForParameter(key, value, { signal })
    const now = await coordinator.parameters({ signal })
    const forIt = (now.votes[key] ?? []).filter(vote => vote.value === value)
    const shards = forIt.reduce((sum, vote) => sum + vote.shards, 0)
    const decided = now.later[key] === value && now.current[key] !== value
    const from = now.epoch + (now.next[key] === value ? 1 : 2)
    await context.output.result(
      { nodeId, name, value, digest, shards, nShards: now.nShards, decided },
      safe`Voted for ${nodeId}: ${plural(shards, 'shard')} of ${now.nShards} are for ${name} ${value}; ${
        decided ? `it is in force from epoch ${from} on` : 'it takes more than two thirds within this epoch'
      }.`,
    )
  })
  return EXIT.ok
}

async function vote(context: Context, options: NetworkOptions, votes: Votes): Promise<ExitCode> {
  await withChain(context, options, async session => {
    const { coordinator, signal } = session
    const { operator, nodeId } = await ownNode(session)
    const { digest } = await operator.vote(votes, { signal })
    const { storagePriceFrost, writePriceFrost, totalCapacityBytes } = await coordinator.system({ signal })
    const prices = votes.nodeCapacityBytes === undefined
    await context.output.result(
      {
        nodeId,
        votes,
        digest,
        now: { storagePriceFrost, writePriceFrost, totalCapacityBytes },
      },
      safe`Voted for ${nodeId}; ${prices ? 'by all votes the prices are' : 'it counts from the next epoch on, until then there are'}\n${formatRows(
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

/** The node that the wallet is the key of. Throws CliError. */
async function ownNode({
  coordinator,
  wallet,
  signal,
}: ChainSession): Promise<{ operator: NodeOperator; nodeId: ObjectId }> {
  const operator = coordinator.operator(await wallet())
  const capability = await operator.capability({ signal })
  if (capability !== undefined) return { operator, nodeId: capability.nodeId }
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
