/**
 * A node's store with 10^3, 10^4 and 10^5 small blobs, one shard of 100: how long what is done for one blob takes, how long the
 * store takes to open, and what it holds in memory and on the disk. Each size is filled and measured in processes of their own.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { temporaryFolder } from '../support/temporary.ts'
import type { BenchOptions } from './main.ts'

export async function run({ quick, report }: BenchOptions): Promise<void> {
  for (const blobs of quick ? [100, 1_000] : [1_000, 10_000, 100_000]) {
    const folder = await temporaryFolder()
    const start = (phase: string) =>
      fork(join(import.meta.dirname, 'scale', 'store.ts'), [folder.path, phase, String(blobs)])
    await once(start('fill'), 'exit')
    const measuring = start('measure')
    const [took] = await once(measuring, 'message')
    await once(measuring, 'exit')
    report({ of: { blobs }, took })
    await folder.remove()
  }
}
