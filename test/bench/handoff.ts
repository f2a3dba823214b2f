/**
 * Shards that change hands. First one shard between two nodes over loopback, real stores and real streams: how long until
 * everything of it is verified and durable at the new owner, with the source in a process of its own; and what is left to do at the
 * beginning of an epoch when the shard was fetched ahead. Then a change of epoch on the devnet, see handoff/change.ts.
 *
 * `handoff shard` and `handoff devnet` run one of the two. Blobs are stored on the devnet one by one, which takes minutes: all cases
 * are measured there by `handoff devnet` only, and a small one otherwise.
 */
import type { HandoffCase } from './handoff/case.ts'
import { measureChanges } from './handoff/change.ts'
import { measureShard } from './handoff/shard.ts'
import type { BenchOptions } from './main.ts'

const CASES: HandoffCase[] = [
  { blobs: 1_000, size: 100 * 1024 },
  { blobs: 10_000, size: 1_000 },
  { blobs: 16, size: 64 * 1024 * 1024 },
]
const QUICK_CASES: HandoffCase[] = [{ blobs: 50, size: 10_000 }]

export async function run({ quick, report, args: [part] }: BenchOptions): Promise<void> {
  const cases = quick ? QUICK_CASES : CASES
  if (part !== 'devnet') for (const one of cases) report(await measureShard(one))
  if (part !== 'shard')
    for (const one of part === 'devnet' ? cases : QUICK_CASES)
      for (const processes of [true, false]) await measureChanges(one, processes, report)
}
