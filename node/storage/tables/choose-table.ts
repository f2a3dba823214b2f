import type { Committee, Committees } from '../../../chain/types/index.ts'
import { isValidity } from '../../../codec/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import type { ReportedTable } from './ask-heads.ts'

/**
 * Tables that members with more weight report than can lie, in one committee, the newest first: each with those who report
 * it. Pure.
 */
export function agreedTables(
  { current, previous }: Pick<Committees, 'current' | 'previous'>,
  reports: readonly ReportedTable[],
): ReportedTable[][] {
  const byDigest = new Map<string, ReportedTable[]>()
  for (const report of reports) byDigest.set(report.digest, [...(byDigest.get(report.digest) ?? []), report])
  return [...byDigest.values()]
    .filter(same => [current, previous].some(committee => committee && isAgreed(committee, same)))
    .sort(([a], [b]) => b!.head.epoch - a!.head.epoch)
}

function isAgreed({ members, nShards }: Committee, same: readonly ReportedTable[]): boolean {
  const reporters = new Set<ObjectId>(same.map(({ member }) => member.nodeId))
  const weight = members.reduce((sum, one) => sum + (reporters.has(one.nodeId) ? one.shards.length : 0), 0)
  return isValidity(weight, nShards)
}
