import { PARAMETER_KEYS, PARAMETERS, type ParameterKey } from '../../../chain/index.ts'
import type { NetworkParameters } from '../../../chain/types/index.ts'
import { formatTable, plural, safe } from '../text.ts'
import type { Report } from './info.ts'

/** What nodes have voted for and vote on, apart from prices and capacity. */
export function parameters({ epoch, nShards, current, next, later, votes }: NetworkParameters): Report {
  const all = PARAMETER_KEYS.map(key => {
    const { name, least, most, what } = PARAMETERS[key]
    return {
      name,
      value: current[key],
      next: next[key],
      later: later[key],
      least,
      most,
      what,
      votes: countedVotes(votes[key] ?? []),
    }
  })
  const rows = all.map(({ name, value, next, later, least, most, what, votes }) => [
    name,
    String(value),
    next === value ? '' : String(next),
    later === next ? '' : String(later),
    `${least} to ${most}`,
    votes.map(({ value, shards }) => `${value}: ${plural(shards, 'shard')}`).join(', '),
    what,
  ])
  return {
    value: { epoch, nShards, parameters: all },
    text: safe`Parameters of epoch ${epoch}; shares are in hundredths of a percent, and votes of ${nShards} shards\n${formatTable(
      ['name', 'now', `from epoch ${epoch + 1}`, `from epoch ${epoch + 2}`, 'may be', 'votes', 'what'],
      rows,
    )}`,
  }
}

/** Shards that are for each value, most first. */
function countedVotes(
  votes: NonNullable<NetworkParameters['votes'][ParameterKey]>,
): { value: number; shards: number }[] {
  const shards = new Map<number, number>()
  for (const vote of votes) shards.set(vote.value, (shards.get(vote.value) ?? 0) + vote.shards)
  return [...shards].map(([value, shards]) => ({ value, shards })).sort((a, b) => b.shards - a.shards)
}
