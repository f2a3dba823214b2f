import type { Committees, NetworkConfig, SystemInfo } from '../../../chain/types.ts'
import { type Context, type NetworkOptions, withClient } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { formatBytes, formatDuration, formatRows, formatWal, plural } from '../format.ts'
import type { InfoTopic } from '../info-topic.ts'
import { shown } from '../shown.ts'
import { describeState, describeTopic, membersByName, type Told } from './info-topics.ts'

/** Epoch, committee, prices and capacity, as the chain has them; or one of them in more detail. */
export async function info(
  context: Context,
  topic: InfoTopic | undefined,
  options: NetworkOptions,
): Promise<ExitCode> {
  const { signal } = context
  const told = await withClient(context, { ...options, spends: false }, async (client, network) => {
    const { system, committees } = await client.info({ signal })
    return topic === undefined
      ? overview(network, system, committees)
      : describeTopic(topic, system, committees)
  })
  await context.output.result(told.value, told.text)
  return EXIT.ok
}

function overview(network: NetworkConfig, system: SystemInfo, committees: Committees): Told {
  const members = membersByName(committees)
  const { name, kind, systemObjectId, stakingObjectId, suiRpc } = network
  const used = Number((system.usedCapacityBytes * 1000n) / (system.totalCapacityBytes || 1n)) / 10
  const rows = formatRows([
    ['network', `${name} (${suiRpc[0]})`],
    [
      'epoch',
      `${system.epoch}, ${describeState(committees)}; one lasts ${formatDuration(system.epochDurationMs)}`,
    ],
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
  return {
    value: {
      network: { name, kind, systemObjectId, stakingObjectId, suiRpc },
      ...system,
      epochState: committees.state,
      members,
    },
    text: shown`${rows}\n\nNodes\n${formatRows(nodes)}`,
  }
}
