import { beginsAtMs } from '../../../chain/index.ts'
import type { Committees, EpochTiming, NetworkConfig, SystemInfo } from '../../../chain/types/index.ts'
import { encodedSize, encodingParams, maxBlobSize, quorumWeight, storageUnits } from '../../../codec/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { type Context, type NetworkOptions, withChain, withClient } from '../context.ts'
import { beginsIn } from '../epoch-ends.ts'
import { EXIT, type ExitCode } from '../errors.ts'
import {
  formatBytes,
  formatDuration,
  formatRows,
  formatTable,
  formatWal,
  plural,
  type SafeText,
  safe,
} from '../text.ts'
import { challenges, ownParts } from './challenges.ts'
import type { InfoTopic } from './commands.ts'
import { decentralization } from './decentralization.ts'
import { parameters } from './parameters.ts'

/** `info all`, as of Walrus's client. */
const WALRUS_TOPICS = ['epoch', 'storage', 'size', 'price', 'bft', 'committee'] as const

/** Epoch, committee, prices and capacity, as the chain has them; or one of them in more detail. */
export async function info(
  context: Context,
  topic: InfoTopic | undefined,
  options: NetworkOptions,
): Promise<ExitCode> {
  const { signal } = context
  if (topic === 'all') {
    for (const each of WALRUS_TOPICS) await info(context, each, options)
    return EXIT.ok
  }
  if (topic === 'epoch') return await infoEpoch(context, options)
  if (topic === 'decentralization') return await infoDecentralization(context, options)
  if (topic === 'parameters') return await infoParameters(context, options)
  if (topic === 'challenges') return await infoChallenges(context, options)
  const report = await withClient(context, { ...options, spends: false }, async (client, network) => {
    const { system, committees } = await client.info({ signal })
    return topic === undefined
      ? overview(network, system, committees)
      : describeTopic(topic, system, committees)
  })
  await context.output.result(report.value, report.text)
  return EXIT.ok
}

/** Asks the chain alone, for its time too. */
async function infoEpoch(context: Context, options: NetworkOptions): Promise<ExitCode> {
  const { value, text } = await withChain(context, options, async ({ coordinator, signal }) => {
    const [system, timing] = await Promise.all([
      coordinator.system({ signal }),
      coordinator.epochTiming({ signal }),
    ])
    return epoch(system, timing)
  })
  await context.output.result(value, text)
  return EXIT.ok
}

async function infoDecentralization(context: Context, options: NetworkOptions): Promise<ExitCode> {
  const { value, text } = await withChain(context, options, async ({ coordinator, signal }) => {
    const [{ current }, nodes] = await Promise.all([
      coordinator.committees({ signal }),
      coordinator.nodes({ signal }),
    ])
    return decentralization(current, nodes)
  })
  await context.output.result(value, text)
  return EXIT.ok
}

async function infoParameters(context: Context, options: NetworkOptions): Promise<ExitCode> {
  const { value, text } = await withChain(context, options, async ({ coordinator, signal }) =>
    parameters(await coordinator.parameters({ signal })),
  )
  await context.output.result(value, text)
  return EXIT.ok
}

async function infoChallenges(context: Context, options: NetworkOptions): Promise<ExitCode> {
  const { value, text } = await withChain(context, options, async ({ coordinator, signal }) => {
    const committees = await coordinator.committees({ signal })
    const [rounds, parts] = await Promise.all([
      coordinator.challenges({ signal }),
      ownParts(committees.current.members, { clock: context.clock, signal }),
    ])
    return challenges(committees, rounds, parts)
  })
  await context.output.result(value, text)
  return EXIT.ok
}

function overview(network: NetworkConfig, system: SystemInfo, committees: Committees): Report {
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
    text: safe`${rows}\n\nNodes\n${formatRows(nodes)}`,
  }
}

/** One part of what the network is: for programs, and for people. */
export interface Report {
  value: object
  text: SafeText
}

const STATES: Record<Committees['state']['kind'], string> = {
  sync: 'changing: shards are moving',
  done: 'settled',
  'next-params-selected': 'settled, the next committee is chosen',
}

const MIB = 2 ** 20
const GIB = 2 ** 30

export function describeTopic(
  topic: Exclude<InfoTopic, 'all' | 'epoch' | 'decentralization' | 'parameters' | 'challenges'>,
  system: SystemInfo,
  committees: Committees,
): Report {
  switch (topic) {
    case 'committee':
      return committee(committees)
    case 'price':
      return price(system)
    case 'storage':
      return storage(system)
    case 'size':
      return size(system)
    case 'bft':
      return bft(system)
  }
}

export function describeState({ state }: Pick<Committees, 'state'>): string {
  return STATES[state.kind]
}

/** Members in the order that people count in. */
export function membersByName({ current }: Committees) {
  return current.members
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
    .map(({ name, nodeId, shards, networkAddress, multiaddrs }) => ({
      name,
      nodeId,
      shards: shards.length,
      networkAddress,
      multiaddrs,
    }))
}

function committee(committees: Committees): Report {
  const { nShards } = committees.current
  const members = membersByName(committees)
  const rows = members.map(({ name, shards, nodeId, networkAddress, multiaddrs }) => [
    name,
    String(shards),
    nodeId,
    multiaddrs[0] ?? networkAddress,
  ])
  return {
    value: { epoch: committees.epoch, nShards, members },
    text: safe`Committee of epoch ${committees.epoch}: ${plural(members.length, 'node')}, ${plural(nShards, 'shard')}\n${formatTable(['name', 'shards', 'node', 'address'], rows)}`,
  }
}

function epoch({ maxEpochsAhead }: SystemInfo, timing: EpochTiming): Report {
  const { epoch, state, nowMs, durationMs, changeDueMs } = timing
  const next = (epoch + 1) as Epoch
  const since = 'sinceMs' in state ? ` since ${new Date(state.sinceMs).toISOString()}` : ''
  const ends =
    changeDueMs === undefined
      ? `${formatDuration(durationMs)} after the shards have moved`
      : `${beginsIn(timing, next)}, at ${new Date(changeDueMs).toISOString()}`
  return {
    value: {
      epoch,
      epochState: state,
      epochDurationMs: durationMs,
      maxEpochsAhead,
      chainTimeMs: nowMs,
      endsAtMs: changeDueMs === undefined ? undefined : beginsAtMs(timing, next),
    },
    text: formatRows([
      ['epoch', epoch],
      ['state', `${describeState(timing)}${since}`],
      ['ends', ends],
      ['one lasts', formatDuration(durationMs)],
      ["the chain's time", new Date(nowMs).toISOString()],
    ]),
  }
}

function price({ nShards, storagePriceFrost, writePriceFrost }: SystemInfo): Report {
  const examples = [1, MIB, 16 * MIB, GIB]
    .filter(bytes => bytes <= maxBlobSize(nShards))
    .map(sizeBytes => {
      const encodedBytes = encodedSize(nShards, sizeBytes)
      const units = BigInt(storageUnits(encodedBytes))
      return {
        sizeBytes,
        encodedBytes,
        storageFrost: units * storagePriceFrost,
        writeFrost: units * writePriceFrost,
      }
    })
  const rows = examples.map(({ sizeBytes, encodedBytes, storageFrost, writeFrost }) => [
    formatBytes(sizeBytes),
    formatBytes(encodedBytes),
    formatWal(writeFrost),
    formatWal(storageFrost),
  ])
  return {
    value: { storagePriceFrost, writePriceFrost, unitBytes: MIB, examples },
    text: safe`${formatRows([
      ['storing', `${formatWal(storagePriceFrost)} per encoded MiB and epoch`],
      ['writing', `${formatWal(writePriceFrost)} per encoded MiB, once`],
    ])}\n\n${formatTable(['blob', 'encoded', 'writing', 'each epoch'], rows)}`,
  }
}

function storage({ epoch, totalCapacityBytes, usedCapacityBytes, maxEpochsAhead }: SystemInfo): Report {
  const freeBytes = totalCapacityBytes - usedCapacityBytes
  const used = Number((usedCapacityBytes * 1000n) / (totalCapacityBytes || 1n)) / 10
  return {
    value: { totalCapacityBytes, usedCapacityBytes, freeBytes, maxEpochsAhead },
    text: formatRows([
      ['capacity', formatBytes(totalCapacityBytes)],
      ['used', `${formatBytes(usedCapacityBytes)}, ${used} %`],
      ['free', formatBytes(freeBytes)],
      ['sold', `at most ${maxEpochsAhead} epochs ahead: until epoch ${epoch + maxEpochsAhead}`],
    ]),
  }
}

function size({ nShards }: SystemInfo): Report {
  const { maxFaulty, primarySymbols, secondarySymbols } = encodingParams(nShards)
  const maxBlobBytes = maxBlobSize(nShards)
  const largestEncodedBytes = encodedSize(nShards, maxBlobBytes)
  return {
    value: { maxBlobBytes, largestEncodedBytes, nShards, maxFaulty, primarySymbols, secondarySymbols },
    text: formatRows([
      ['largest blob', `${formatBytes(maxBlobBytes)}, ${formatBytes(largestEncodedBytes)} encoded`],
      ['smallest encoded', formatBytes(encodedSize(nShards, 1))],
      ['shards', `${nShards}, of which ${maxFaulty} may fail at a time`],
      ['to read', `${primarySymbols} primary or ${secondarySymbols} secondary slivers`],
    ]),
  }
}

/** How many shards may fail, lie, and must agree. */
function bft({ nShards }: SystemInfo): Report {
  const { maxFaulty } = encodingParams(nShards)
  const quorum = quorumWeight(nShards)
  const minCorrect = nShards - maxFaulty
  return {
    value: { nShards, maxFaulty, quorum, minCorrect, validityThreshold: maxFaulty + 1 },
    text: formatRows([
      ['shards', nShards],
      ['may be faulty', maxFaulty],
      ['a quorum', quorum],
      ['are correct, at least', minCorrect],
      ['of which one is correct', maxFaulty + 1],
    ]),
  }
}
