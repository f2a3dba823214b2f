import type { Committees, SystemInfo } from '../../../chain/types.ts'
import { encodedSize, encodingParams, maxBlobSize, storageUnits } from '../../../codec/index.ts'
import { formatBytes, formatDuration, formatRows, formatTable, formatWal, plural } from '../format.ts'
import type { InfoTopic } from '../info-topic.ts'
import { type Shown, shown } from '../shown.ts'

/** One part of what the network is: for programs, and for people. */
export interface Told {
  value: object
  text: Shown
}

const STATES: Record<Committees['state']['kind'], string> = {
  sync: 'changing: shards are moving',
  done: 'settled',
  'next-params-selected': 'settled, the next committee is chosen',
}

const MIB = 2 ** 20
const GIB = 2 ** 30

export function describeTopic(topic: InfoTopic, system: SystemInfo, committees: Committees): Told {
  switch (topic) {
    case 'committee':
      return committee(committees)
    case 'epoch':
      return epoch(system, committees)
    case 'price':
      return price(system)
    case 'storage':
      return storage(system)
    case 'size':
      return size(system)
  }
}

export function describeState({ state }: Committees): string {
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

function committee(committees: Committees): Told {
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
    text: shown`Committee of epoch ${committees.epoch}: ${plural(members.length, 'node')}, ${plural(nShards, 'shard')}\n${formatTable(['name', 'shards', 'node', 'address'], rows)}`,
  }
}

function epoch({ epoch, epochDurationMs, maxEpochsAhead }: SystemInfo, committees: Committees): Told {
  const { state } = committees
  const since = 'sinceMs' in state ? ` since ${new Date(state.sinceMs).toISOString()}` : ''
  return {
    value: { epoch, epochState: state, epochDurationMs, maxEpochsAhead },
    text: formatRows([
      ['epoch', epoch],
      ['state', `${describeState(committees)}${since}`],
      ['one lasts', formatDuration(epochDurationMs)],
    ]),
  }
}

function price({ nShards, storagePriceFrost, writePriceFrost }: SystemInfo): Told {
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
    text: shown`${formatRows([
      ['storing', `${formatWal(storagePriceFrost)} per encoded MiB and epoch`],
      ['writing', `${formatWal(writePriceFrost)} per encoded MiB, once`],
    ])}\n\n${formatTable(['blob', 'encoded', 'writing', 'each epoch'], rows)}`,
  }
}

function storage({ epoch, totalCapacityBytes, usedCapacityBytes, maxEpochsAhead }: SystemInfo): Told {
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

function size({ nShards }: SystemInfo): Told {
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
