import type { EpochState, NetworkConfig, SystemInfo } from '../../../chain/types.ts'
import { type Context, type NetworkOptions, withClient } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { formatBytes, formatDuration, formatRows, formatWal, plural } from '../format.ts'

const STATES: Record<EpochState['kind'], string> = {
  sync: 'changing: shards are moving',
  done: 'settled',
  'next-params-selected': 'settled, the next committee is chosen',
}

/** Epoch, committee, prices and capacity, as the chain has them. */
export async function info(context: Context, options: NetworkOptions): Promise<ExitCode> {
  const { signal } = context
  const { network, system, committees } = await withClient(
    context,
    { ...options, spends: false },
    async (client, network) => ({
      network,
      ...(await client.info({ signal })),
    }),
  )
  const byName = committees.current.members.toSorted((a, b) =>
    a.name.localeCompare(b.name, 'en', { numeric: true }),
  )
  const members = byName.map(member => ({
    name: member.name,
    nodeId: member.nodeId,
    shards: member.shards.length,
    networkAddress: member.networkAddress,
    multiaddrs: member.multiaddrs,
  }))
  const { name, kind, systemObjectId, stakingObjectId, suiRpc } = network
  const value = {
    network: { name, kind, systemObjectId, stakingObjectId, suiRpc },
    ...system,
    epochState: committees.state,
    members,
  }
  await context.output.result(value, describe(network, system, committees.state, members))
  return EXIT.ok
}

interface Member {
  name: string
  shards: number
  networkAddress: string
  multiaddrs: string[]
}

function describe(network: NetworkConfig, system: SystemInfo, state: EpochState, members: Member[]): string {
  const used = Number((system.usedCapacityBytes * 1000n) / (system.totalCapacityBytes || 1n)) / 10
  const rows = formatRows([
    ['network', `${network.name} (${network.suiRpc[0]})`],
    ['epoch', `${system.epoch}, ${STATES[state.kind]}; one lasts ${formatDuration(system.epochDurationMs)}`],
    ['committee', `${plural(members.length, 'node')}, ${plural(system.nShards, 'shard')}`],
    ['capacity', `${formatBytes(system.totalCapacityBytes)}, ${used} % used`],
    [
      'storing',
      `${formatWal(system.storagePriceFrost)} per MiB and epoch, at most ${system.maxEpochsAhead} epochs ahead`,
    ],
    ['writing', `${formatWal(system.writePriceFrost)} per MiB, once`],
  ])
  const nodes = members.map(({ name, shards, multiaddrs, networkAddress }): [string, string] => [
    name,
    `${plural(shards, 'shard').padEnd(10)}  ${multiaddrs[0] ?? networkAddress}`,
  ])
  return `${rows}\n\nNodes\n${formatRows(nodes)}`
}
