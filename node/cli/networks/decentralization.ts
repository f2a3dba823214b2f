import type { Committee, NodeRecord } from '../../../chain/types/index.ts'
import type { Epoch, ObjectId } from '../../../codec/types.ts'
import { formatRows, formatTable, formatWal, plural, safe } from '../text.ts'
import type { Report } from './info.ts'

/** One who governs nodes, with what these have between them. */
export interface Operator {
  /** the address or object that may act for the nodes */
  operator: ObjectId
  nodes: string[]
  shards: number
  stakedFrost: bigint
  /** in which its first node was registered to begin */
  sinceEpoch: Epoch
}

/**
 * Who could fail together: operators, largest first, and how few of them hold more than a third, of shards and of stake. More
 * than a third of the shards can keep the others from signing; who has two thirds can sign alone.
 */
export function decentralization(
  committee: Pick<Committee, 'epoch' | 'nShards' | 'members'>,
  nodes: readonly NodeRecord[],
): Report {
  const operators = operatorsOf(committee, nodes)
  const shards = operators.map(operator => BigInt(operator.shards))
  const stakes = operators.map(operator => operator.stakedFrost)
  const largest = operators[0]
  const value = {
    epoch: committee.epoch,
    nShards: committee.nShards,
    stakedFrost: sum(stakes),
    nakamoto: { shards: nakamoto(shards), stake: nakamoto(stakes) },
    largestShare: {
      shards: share(largestOf(shards), sum(shards)),
      stake: share(largestOf(stakes), sum(stakes)),
    },
    operators,
  }
  const rows = operators.map(({ operator, nodes, shards, stakedFrost, sinceEpoch }) => [
    operator,
    nodes.join(', '),
    `${shards} (${percent(share(BigInt(shards), BigInt(committee.nShards)))})`,
    `${formatWal(stakedFrost)} (${percent(share(stakedFrost, value.stakedFrost))})`,
    String(sinceEpoch),
  ])
  const blocking = (count: number) => `${plural(count, 'operator')} hold more than a third`
  return {
    value,
    text: safe`${formatRows([
      ['epoch', committee.epoch],
      ['operators', `${operators.length}, of ${plural(nodes.length, 'node')}`],
      ['shards', blocking(value.nakamoto.shards)],
      ['stake', blocking(value.nakamoto.stake)],
      [
        'largest',
        largest
          ? `${percent(value.largestShare.shards)} of the shards, ${percent(value.largestShare.stake)} of the stake`
          : 'none',
      ],
    ])}\n\n${formatTable(['operator', 'nodes', 'shards', 'stake', 'since epoch'], rows)}`,
  }
}

function operatorsOf({ members }: Pick<Committee, 'members'>, nodes: readonly NodeRecord[]): Operator[] {
  const shardsOf = new Map(members.map(({ nodeId, shards }) => [nodeId, shards.length]))
  return [...Map.groupBy(nodes, ({ operator }) => operator)]
    .map(([operator, own]) => ({
      operator,
      nodes: own.map(({ name }) => name).sort(),
      shards: own.reduce((total, { nodeId }) => total + (shardsOf.get(nodeId) ?? 0), 0),
      stakedFrost: sum(own.map(({ stakedFrost }) => stakedFrost)),
      sinceEpoch: Math.min(...own.map(({ activationEpoch }) => activationEpoch)) as Epoch,
    }))
    .sort(
      (a, b) =>
        b.shards - a.shards || Number(b.stakedFrost - a.stakedFrost) || (a.operator < b.operator ? -1 : 1),
    )
}

/** How few of them have more than a third of the sum; 0 when there is nothing to have. */
export function nakamoto(parts: readonly bigint[]): number {
  const total = sum(parts)
  let held = 0n
  const largestFirst = parts.toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0))
  const index = largestFirst.findIndex(part => {
    held += part
    return held * 3n > total
  })
  return index + 1
}

function sum(parts: readonly bigint[]): bigint {
  return parts.reduce((total, part) => total + part, 0n)
}

function largestOf(parts: readonly bigint[]): bigint {
  return parts.reduce((largest, part) => (part > largest ? part : largest), 0n)
}

/** 0 to 1, to four digits. */
function share(part: bigint, total: bigint): number {
  return total === 0n ? 0 : Number((part * 10_000n) / total) / 10_000
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
