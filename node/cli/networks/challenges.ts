import type { Clock } from '../../../base/clock.ts'
import { createSemaphore } from '../../../base/semaphore.ts'
import type { ChallengeStanding, CommitteeMember, Committees } from '../../../chain/types/index.ts'
import { askHealth, type NodeHealth } from '../node/ask-health.ts'
import { formatTable, lines, plural, type SafeText, safe } from '../text.ts'
import type { Report } from './info.ts'

/** Asked at a time. */
const AT_ONCE = 16

type Challenge = NonNullable<NodeHealth['challenge']>

/** What each member says of its own part in a challenge; of those that do not answer nothing. Throws only the signal's reason. */
export async function ownParts(
  members: readonly CommitteeMember[],
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<Map<string, Challenge>> {
  const semaphore = createSemaphore(AT_ONCE)
  const parts = new Map<string, Challenge>()
  await Promise.all(
    members.map(async ({ nodeId, networkAddress }) => {
      const turn = await semaphore.take(1, signal)
      try {
        const health = await askHealth(networkAddress, { clock, signal })
        if (typeof health !== 'string' && health.challenge !== undefined) parts.set(nodeId, health.challenge)
      } finally {
        turn.release()
      }
    }),
  )
  return parts
}

/** The rounds of an epoch by the chain; and of the newest, who refused whom and why, as the refused say. */
export function challenges(
  { epoch, current }: Pick<Committees, 'epoch' | 'current'>,
  rounds: readonly ChallengeStanding[],
  parts: ReadonlyMap<string, Challenge>,
): Report {
  const { members, nShards } = current
  const names = new Map(members.map(({ nodeId, name }) => [nodeId as string, name]))
  const newest = rounds.at(-1)
  const nodes = members
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
    .map(({ name, nodeId, shards }) => {
      const part = parts.get(nodeId)
      const isNow = part !== undefined && part.epoch === epoch && part.round === newest?.round
      const refusals = isNow ? part.refusals : []
      return {
        name,
        nodeId,
        shards: shards.length,
        committed: newest?.committed.includes(nodeId) ?? false,
        passed: newest?.passed.includes(nodeId) ?? false,
        state: isNow ? part.state : undefined,
        refusals: refusals.map(({ nodeId: by, code }) => ({ by: names.get(by ?? '') ?? 'a node', code })),
      }
    })
  const rows = nodes.map(({ name, shards, committed, passed, state, refusals }) => [
    name,
    String(shards),
    committed ? 'yes' : '-',
    passed ? 'yes' : '-',
    state ?? '-',
    refusals.map(({ by, code }) => `${by}: ${code}`).join(', '),
  ])
  const heads = rounds.map(round => told(round, nShards))
  return {
    value: { epoch, nShards, rounds, nodes },
    text: lines([
      ...(heads.length === 0 ? [safe`Epoch ${epoch}: no round has been opened yet`] : heads),
      formatTable(['node', 'shards', 'committed', 'passed', 'says', 'refused by'], rows),
    ]),
  }
}

function told(round: ChallengeStanding, nShards: number): SafeText {
  const { epoch, isDrawn, committed, passed, passedShards } = round
  const ends = isDrawn
    ? `drawn; nodes pass until ${new Date(round.passUntilMs).toISOString()}`
    : `not drawn; nodes commit until ${new Date(round.commitUntilMs).toISOString()}`
  return safe`Epoch ${epoch}, round ${round.round}: ${ends}. ${plural(committed.length, 'node')} committed, ${passed.length} passed, with ${passedShards} of ${nShards} shards`
}
